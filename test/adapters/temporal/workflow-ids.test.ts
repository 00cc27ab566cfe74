import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '@temporalio/client';
import { listWorkflowIds } from '../../../src/adapters/temporal/workflow-ids.ts';
import { createEncryptedHistories } from '../../../src/adapters/temporal/encrypted-histories.ts';
import type { Cipher } from '../../../src/adapters/state/cipher.ts';

const PAGES = [['feed-runners/a', 'feed-runners/b'], [], ['feed-runners/c']];

/** A client of a Temporal that answers in pages, and whose memos no key here decrypts. */
function clientOf(queries: unknown[]): Client {
  const listWorkflowExecutions = (request: { query: string; nextPageToken?: Uint8Array }) => {
    queries.push(request.query);
    const index = request.nextPageToken?.[0] ?? 0;
    return Promise.resolve({
      executions: (PAGES[index] ?? []).map((workflowId) => ({ execution: { workflowId } })),
      nextPageToken: index + 1 < PAGES.length ? Uint8Array.of(index + 1) : new Uint8Array(),
    });
  };
  const list = () => assert.fail('it decrypts memos');
  const client = { options: { namespace: 'n' }, workflowService: { listWorkflowExecutions } };
  return { ...client, workflow: { list } } as unknown as Client;
}

void describe('the ids of workflows', () => {
  void it('are listed over all pages, whatever their memos are encrypted with', async () => {
    const queries: unknown[] = [];
    assert.deepEqual(await listWorkflowIds(clientOf(queries), 'a query'), PAGES.flat());
    assert.deepEqual(queries, ['a query', 'a query', 'a query']);
  });

  void it('of open workflows are listed by their type', async () => {
    const queries: unknown[] = [];
    const histories = createEncryptedHistories(clientOf(queries), {} as Cipher);
    assert.deepEqual(await histories.listOpen('feedRunners'), PAGES.flat());
    assert.equal(queries[0], "WorkflowType = 'feedRunners' AND ExecutionStatus = 'Running'");
  });
});
