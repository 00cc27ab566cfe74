import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { createLeases } from '../../../src/adapters/temporal/leases.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';

const RECEIVED_AT_MS = 1_000_000;
const OWN = 'gitlab-runner-node-own';
const OTHER = 'gitlab-runner-node-other';
const { entropy: OFFER } = contextOf();

interface Run {
  readonly status?: 'RUNNING' | 'COMPLETED' | 'TERMINATED';
  readonly startedAtMs?: number;
  readonly memo?: Readonly<Record<string, unknown>>;
}

function leasesOn(describeRun: () => Promise<object>) {
  const workflow = { getHandle: () => ({ describe: describeRun }) };
  const withDeadline = (_deadline: number, call: () => Promise<unknown>) => call();
  return createLeases({ workflow, withDeadline } as unknown as Client, OWN);
}

function confirm({ status = 'RUNNING', startedAtMs = RECEIVED_AT_MS + 1, memo }: Run, term = 0) {
  const description = { memo, status: { name: status }, startTime: new Date(startedAtMs) };
  const adoption = { term, purpose: 'run', from: { name: 'lost', sinceMs: 0 } } as const;
  const context = contextOf({
    context: { receivedAtMs: RECEIVED_AT_MS, ...(term > 0 && { adoption }) },
  });
  return leasesOn(() => Promise.resolve(description)).confirm(context);
}

describe('the lease of a build', () => {
  const earlier = { startedAtMs: RECEIVED_AT_MS - 1 };
  const other = { memo: { nodeQueue: OTHER } };
  const moved = { memo: { nodeQueue: OTHER, term: 1 } };
  const rows: [run: Run, term: number, expected: string, why: string][] = [
    [{ memo: { nodeQueue: OWN } }, 0, 'held', 'the workflow names this node'],
    [{}, 0, 'held', 'the workflow names none'],
    [other, 0, 'lost', 'GitLab has handed the job to both'],
    [{ ...other, ...earlier }, 0, 'lost', 'that of the other node is still running'],
    [{ ...other, status: 'COMPLETED' }, 0, 'lost', 'it ran there after it was recorded here'],
    [
      { ...other, ...earlier, status: 'COMPLETED' },
      0,
      'held',
      'GitLab has taken the job back from the other node, and handed it out once more',
    ],
    [{ ...other, ...earlier, status: 'TERMINATED' }, 0, 'held', 'the same'],
    [{ ...moved, ...earlier, status: 'COMPLETED' }, 0, 'lost', 'the clock here may be wrong'],
    [
      { memo: { ...other.memo, offer: 'an earlier offer' }, status: 'COMPLETED' },
      0,
      'held',
      'the build was of another offer, although the clock here is behind',
    ],
    [
      { memo: { ...moved.memo, offer: 'an earlier offer' }, ...earlier, status: 'COMPLETED' },
      0,
      'held',
      'the build was of another offer, and has moved',
    ],
    [
      { memo: { ...moved.memo, offer: OFFER }, ...earlier, status: 'COMPLETED' },
      0,
      'lost',
      'the build was of this offer, although the clock here is ahead',
    ],
    [moved, 1, 'lost', 'a third node has it'],
    [{ ...other, ...earlier, status: 'COMPLETED' }, 1, 'pending', 'it was taken over'],
  ];
  for (const [run, term, expected, why] of rows) {
    it(`is ${expected} at ${JSON.stringify(run)}, term ${term}: ${why}`, async () => {
      assert.equal(await confirm(run, term), expected);
    });
  }

  it('is held when Temporal has lost the workflow with its database', async () => {
    const lost = new WorkflowNotFoundError('no such workflow', 'build/1', undefined);
    assert.equal(await leasesOn(() => Promise.reject(lost)).confirm(contextOf()), 'held');
  });

  it('is not known while Temporal does not answer', async () => {
    const leases = leasesOn(() => Promise.reject(new Error('unavailable')));
    await assert.rejects(leases.confirm(contextOf()), TransientError);
  });
});
