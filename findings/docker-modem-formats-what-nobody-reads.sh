#!/usr/bin/env bash
# docker-modem 5.0.7, the transport of dockerode, formats the options of each request for a debug text
# before it is known whether anybody reads it: `util.inspect` with hidden properties and without a limit
# of depth. With debugging off the text is thrown away. The options hold the agent, and so each open
# socket with its parser, buffers and listeners. A client with one keep-alive agent that follows the logs
# of many containers pays for all of them in every call: the work of a call grows with the calls that are
# open beside it, on the thread of all others.
# Exits with 0 while this is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
unset DEBUG NODE_DEBUG
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts dockerode@5.0.1 docker-modem@5.0.7
cat >try.cjs <<'JS'
const { Agent, createServer } = require('node:http');
const { once } = require('node:events');
const util = require('node:util');

let texts = [];
const inspect = util.inspect;
util.inspect = Object.assign((...given) => {
  const text = inspect(...given);
  texts.push(text.length);
  return text;
}, inspect);
const Docker = require('dockerode');

async function measure(open) {
  const server = createServer((request, response) => {
    response.writeHead(200);
    if (request.url === '/_ping') response.end('OK');
    else response.flushHeaders();
  }).listen('docker.sock');
  await once(server, 'listening');
  const docker = new Docker({ socketPath: 'docker.sock', agent: new Agent({ keepAlive: true }) });
  const follow = () => docker.getContainer('any').logs({ follow: true, stdout: true });
  for (let at = 0; at < open; at += 1) await follow();
  texts = [];
  const startedAt = process.cpuUsage();
  await docker.ping();
  const { user } = process.cpuUsage(startedAt);
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
  console.log(`docker-modem 5.0.7, ${open} logs followed: one ping formats`, texts.length, 'text of', texts[0], 'characters in', Math.round(user / 1000), 'ms');
  return texts;
}

(async () => {
  const [[alone], [beside, ...more]] = [await measure(0), await measure(40)];
  process.exit(alone > 0 && beside > 20 * alone && more.length === 0 ? 0 : 1);
})();
JS
node try.cjs
