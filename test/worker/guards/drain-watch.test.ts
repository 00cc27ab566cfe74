import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { createNodeCapacity } from '../../../src/adapters/state/node-capacity.ts';
import type { WorkflowDescription } from '../../../src/ports/workflows.ts';
import { watchDrain } from '../../../src/worker/guards/drain-watch.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { tick } from '../../activities/support/world.ts';

const LOOK_MS = 5_000;
const never = new AbortController().signal;

/** Watches a node whose workflow has this memo, or of which Temporal tells nothing. */
async function watch(first: Record<string, unknown> | 'away' | 'gone') {
  let memo = first;
  const capacity = createNodeCapacity(1);
  const { log, said } = recordingLog();
  const describeFeeder = (): Promise<WorkflowDescription | undefined> => {
    if (memo === 'away') return Promise.reject(new Error('unavailable'));
    if (memo === 'gone') return Promise.resolve(undefined);
    return Promise.resolve({ status: 'running', startedAtMs: 0, memo });
  };
  const workflows = { describe: describeFeeder };
  const stop = await watchDrain({ installation: 'test', workflows, capacity, log });
  return {
    ...{ capacity, said, stop },
    become: async (next: typeof first): Promise<void> => {
      memo = next;
      mock.timers.tick(LOOK_MS);
      await tick();
    },
  };
}

describe('a paused runner', () => {
  it('gets no slot for any workflow until it is resumed, and others do', async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      const { capacity, become, said, stop } = await watch({ paused: ['slow'] });
      const slow = capacity.acquire(never, { runnerKey: 'slow', limit: 0 });
      await become('away');
      await become({ paused: ['slow'] });
      const other = { runnerKey: 'other', limit: 0 };
      (await capacity.acquire(never, other)).release();
      assert.equal(capacity.requestsInFlight, 0);
      await become({ paused: [] });
      await slow;
      assert.deepEqual(
        said.map(({ level, fields }) => [level, fields?.['paused']]),
        [
          ['info', ['slow']],
          ['debug', undefined],
          ['info', []],
        ],
      );
      await stop();
    } finally {
      mock.timers.reset();
    }
  });

  it('gets slots after `stop`, and when the memo is none of this program', async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      const { capacity, become, stop } = await watch({ paused: ['slow'] });
      await become('gone');
      (await capacity.acquire(never, { runnerKey: 'slow', limit: 0 })).release();
      await become({ paused: 'slow', isDraining: 'no' });
      (await capacity.acquire(never, { runnerKey: 'slow', limit: 0 })).release();
      await stop();
    } finally {
      mock.timers.reset();
    }
  });
});

describe('a drained node', () => {
  for (const [memo, pauses, why] of [
    [{ isDraining: true }, ['drained'], 'a start finds it drained'],
    [{ isDraining: false }, [], 'it was resumed'],
    [{}, [], 'it was never drained'],
    ['gone', [], 'it has never run'],
    ['away', [], 'Temporal does not answer, so no job is asked for anyway'],
  ] as const) {
    it(`is known before it takes anything, pauses ${JSON.stringify(pauses)}: ${why}`, async () => {
      const { capacity, stop } = await watch(memo);
      await stop();
      assert.deepEqual(capacity.pauses, pauses);
    });
  }

  it('takes no slot for any workflow until it is resumed, also while Temporal is away', async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      const { capacity, become, said, stop } = await watch({});
      await become({ isDraining: true });
      assert.equal(capacity.hasFree(), false);
      await become('away');
      assert.equal(capacity.hasFree(), false);
      await become({ isDraining: false });
      assert.equal(capacity.hasFree(), true);
      assert.deepEqual(
        said.map(({ level }) => level),
        ['info', 'debug', 'info'],
      );
      await stop();
    } finally {
      mock.timers.reset();
    }
  });
});
