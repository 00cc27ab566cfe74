import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { createWorkflows } from '../../../src/adapters/temporal/workflows.ts';
import type { Workflows } from '../../../src/ports/workflows.ts';

const START = {
  type: 'runBuild',
  workflowId: 'x',
  taskQueue: 'q',
  args: [],
  reuse: 'reject',
} as const;
const SIGNAL = { name: 'cancel', args: [] };

const CALLS: Readonly<Record<keyof Workflows, (workflows: Workflows) => Promise<unknown>>> = {
  start: (workflows) => workflows.start(START),
  signalWithStart: (workflows) => workflows.signalWithStart(START, SIGNAL),
  signal: (workflows) => workflows.signal('x', SIGNAL),
  describe: (workflows) => workflows.describe('x'),
  statusOf: (workflows) => workflows.statusOf('x'),
  resultOf: (workflows) => workflows.resultOf('x'),
  failureOf: (workflows) => workflows.failureOf('x'),
  cancel: (workflows) => workflows.cancel('x'),
};

/** Opens a server that accepts connections and never answers. */
async function openSilentServer(t: TestContext): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

void describe('a Temporal that accepts calls and never answers', () => {
  for (const [name, call] of Object.entries(CALLS)) {
    void it(`fails ${name} after the limit`, { timeout: 20_000 }, async (t) => {
      const connection = Connection.lazy({ address: await openSilentServer(t) });
      t.after(() => connection.close());
      const workflows = createWorkflows(new Client({ connection }), { limitMs: 200 });
      await assert.rejects(call(workflows), (error: Error) => {
        const cause = error.cause instanceof Error ? error.cause : error;
        assert.match(cause.message, /deadline/i);
        return true;
      });
    });
  }
});
