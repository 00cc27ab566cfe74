#!/usr/bin/env bash
# `Worker.create` of @temporalio/worker 1.24.0 asks the server about the namespace, and rejects after
# a quarter to half a minute when the server is busy (RESOURCE_EXHAUSTED) meanwhile. Asked again when
# the server is idle, it rejects too: until the garbage collector has freed the worker that was given
# up, that one is registered with its connection, which takes no other one for the same task queue. On
# another connection it succeeds. A program that waits for a busy server needs one for each try.
# Exits with 0 while this is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm install --silent --no-save --no-audit --no-fund @temporalio/worker@1.24.0 @grpc/grpc-js@1.14.0
cat >busy.mjs <<'JS'
import assert from 'node:assert/strict';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'OFF' } },
});
const same = (bytes) => bytes;
const coding = {
  ...{ requestStream: false, responseStream: false },
  ...{ requestSerialize: same, requestDeserialize: same },
  ...{ responseSerialize: same, responseDeserialize: same },
};
const empty = Buffer.alloc(0);
let isBusy = false;
const methods = {
  GetSystemInfo: (_call, callback) => callback(null, empty),
  DescribeNamespace: (_call, callback) =>
    isBusy ? callback({ code: status.RESOURCE_EXHAUSTED, details: 'busy' }) : callback(null, empty),
};
const server = new Server();
const definition = Object.keys(methods).map((name) => [
  name,
  { path: `/temporal.api.workflowservice.v1.WorkflowService/${name}`, ...coding },
]);
server.addService(Object.fromEntries(definition), methods);
const port = await new Promise((resolve, reject) => {
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
    error ? reject(error) : resolve(bound),
  );
});
const address = `127.0.0.1:${port}`;
const connection = await NativeConnection.connect({ address });
/** Returns what comes of a worker on this connection: `created`, or the beginning of the error. */
const tell = (own) =>
  Worker.create({
    ...{ connection: own, namespace: 'default', taskQueue: 'queue' },
    activities: { work: async () => 1 },
  }).then(
    () => 'created',
    ({ message }) => message.slice(0, 140),
  );

isBusy = true;
const sinceMs = Date.now();
const first = await tell(connection);
console.log(`the server is busy, given up after ${Math.round((Date.now() - sinceMs) / 1000)} s: ${first}`);
isBusy = false;
const second = await tell(connection);
console.log(`it is idle, same connection: ${second}`);
const third = await tell(await NativeConnection.connect({ address }));
console.log(`it is idle, another connection: ${third}`);
assert.match(first, /was not found or otherwise could not be described/);
assert.match(second, /Registration of multiple workers/);
assert.equal(third, 'created');
process.exit(0);
JS
node busy.mjs
