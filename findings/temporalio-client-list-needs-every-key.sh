#!/usr/bin/env bash
# `client.workflow.list()` of @temporalio/client 1.24.0 decodes the memo of each workflow that it lists, also
# for a caller who only wants ids. So one workflow whose memo this client cannot decode, for example one
# of another team with a key of its own in the same namespace, ends the whole list, and the workflows
# behind it are never seen. The error does not say which workflow it was. The call of the service below
# it, `workflowService.listWorkflowExecutions`, lists them all. It matters to whoever encrypts payloads
# and shares a namespace, or rotates keys while old workflows are open.
# Exits with 0 while this is so.
set -euo pipefail
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @temporalio/client@1.24.0
cat >list.cjs <<'JS'
const { Client } = require('@temporalio/client');
const { temporal } = require('@temporalio/proto');
const Long = require('long');
const bytes = (text) => new TextEncoder().encode(text);
const encrypted = (key) => ({
  metadata: { encoding: bytes('binary/encrypted'), key: bytes(key) },
  data: bytes('"a note"'),
});
const payloadCodec = {
  encode: async (payloads) => payloads,
  decode: async (payloads) =>
    payloads.map(({ metadata, data }) => {
      if (new TextDecoder().decode(metadata.key) !== 'ours') throw new Error('this key is not here');
      return { metadata: { encoding: bytes('json/plain') }, data };
    }),
};
const { WorkflowExecutionInfo } = temporal.api.workflow.v1;
// Encoded and decoded, as an answer of a server is.
const workflow = (workflowId, key) =>
  WorkflowExecutionInfo.decode(
    WorkflowExecutionInfo.encode({
      execution: { workflowId, runId: 'r' },
      type: { name: 'w' },
      status: 1,
      startTime: { seconds: Long.fromNumber(1), nanos: 0 },
      historyLength: Long.fromNumber(3),
      memo: { fields: { note: encrypted(key) } },
    }).finish(),
  );
const page = {
  executions: [workflow('one', 'ours'), workflow('two', 'theirs'), workflow('three', 'ours')],
  nextPageToken: new Uint8Array(),
};
// The answer of a service, without a server.
const workflowService = { listWorkflowExecutions: async () => page };
const client = new Client({
  connection: { workflowService, plugins: [] },
  dataConverter: { payloadCodecs: [payloadCodec] },
});
(async () => {
  const { executions } = await client.workflowService.listWorkflowExecutions({});
  console.log('the service lists', executions.map(({ execution }) => execution.workflowId).join(', '));
  const seen = [];
  try {
    for await (const { workflowId } of client.workflow.list()) seen.push(workflowId);
    console.log('the client lists', seen.join(', '));
    process.exitCode = 1;
  } catch (error) {
    console.log(`the client lists ${seen.join(', ')}, then fails: ${error.message}`);
    if (seen.join() !== 'one' || error.message.includes('two')) process.exitCode = 1;
  }
})();
JS
node list.cjs
