#!/usr/bin/env bash
# `maxConcurrentActivityTaskPolls` of a worker of @temporalio/worker 1.24.0 has no effect: ten calls
# wait for tasks, the default, where two were asked for. `activityTaskPollerBehavior` with a maximum
# of two has that effect. A small server that answers no poll counts them.
# Exits with 0 while this is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm install --silent --no-save --no-audit --no-fund @temporalio/worker@1.24.0 @grpc/grpc-js@1.14.0
cat >polls.mjs <<'JS'
import assert from 'node:assert/strict';
import { Server, ServerCredentials } from '@grpc/grpc-js';
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
// Every field of an empty answer has its default.
const answer = (_call, callback) => callback(null, Buffer.alloc(0));
let open = 0;
let most = 0;
const methods = {
  GetSystemInfo: answer,
  DescribeNamespace: answer,
  PollActivityTaskQueue: (call) => {
    open += 1;
    most = Math.max(most, open);
    call.on('cancelled', () => (open -= 1));
  },
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
const connection = await NativeConnection.connect({ address: `127.0.0.1:${port}` });

async function pollsWith(options) {
  [open, most] = [0, 0];
  const worker = await Worker.create({
    ...{ connection, namespace: 'default', taskQueue: 'queue', shutdownForceTime: '1s' },
    activities: { work: async () => 1 },
    ...options,
  });
  const running = worker.run().catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  worker.shutdown();
  await running;
  return most;
}

const polls = {
  default: await pollsWith({}),
  'maxConcurrentActivityTaskPolls: 2': await pollsWith({ maxConcurrentActivityTaskPolls: 2 }),
  'activityTaskPollerBehavior: at most 2': await pollsWith({
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 2 },
  }),
};
for (const [options, count] of Object.entries(polls)) console.log(`${options}: ${count} polls`);
assert.deepEqual(Object.values(polls), [10, 10, 2]);
process.exit(0);
JS
node polls.mjs
