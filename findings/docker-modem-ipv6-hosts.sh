#!/usr/bin/env bash
# docker-modem 5.0.7, the transport of dockerode, joins `host` and `port` to an address without brackets
# and lets `url.parse` take it apart again. A literal IPv6 address without its brackets is lost on the
# way: its first group counts as the protocol, and the request has neither host nor port. Node then
# takes this machine and the usual port, so that a client of the Docker at 2001:db8::1 asks its own
# machine. With the brackets in `host` the request is right.
# Exits with 0 while this is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts docker-modem@5.0.7
cat >try.cjs <<'JS'
const http = require('node:http');
const Modem = require('docker-modem');

/** Returns the host that a request goes to, without sending it. */
function hostOf(host) {
  let seen;
  const request = http.request;
  http.request = (options, ...more) => {
    seen = `${options.hostname || 'no host'} at port ${options.port}`;
    return request({ socketPath: '/nowhere' }, ...more).on('error', () => undefined);
  };
  try {
    const modem = new Modem({ protocol: 'http', host, port: 2375 });
    modem.dial({ path: '/_ping', method: 'GET', statusCodes: { 200: true } }, () => undefined);
  } finally {
    http.request = request;
  }
  return seen;
}

const [bare, bracketed] = [hostOf('2001:db8::1'), hostOf('[2001:db8::1]')];
console.log(`docker-modem 5.0.7: 2001:db8::1 asks ${bare}, [2001:db8::1] asks ${bracketed}`);
const isLost = bare === 'no host at port null';
process.exit(isLost && bracketed === '2001:db8::1 at port 2375' ? 0 : 1);
JS
node try.cjs
