import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, mock } from 'node:test';
import { readTextIfThere } from '../../../src/adapters/state/durable-files.ts';
import { createNodeCapacity } from '../../../src/adapters/state/node-capacity.ts';
import type { WorkflowDescription } from '../../../src/ports/workflows.ts';
import { watchDrain } from '../../../src/worker/guards/drain-watch.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { tick } from '../../activities/support/world.ts';

const LOOK_MS = 5_000;
const never = new AbortController().signal;

let directory: string;
let notes = 0;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'drain-watch-'));
});
after(() => rm(directory, { recursive: true }));

/** The memo of feedRunners while it runs, or why Temporal tells none. */
type Feeder = Record<string, unknown> | 'away' | 'gone' | 'ended' | 'completed';

/** Watches a node whose workflow is like this, with a note of what was in force before. */
async function watch(first: Feeder, noted?: string) {
  const standingFile = join(directory, `standing-${++notes}`);
  if (noted !== undefined) await writeFile(standingFile, noted);
  let memo = first;
  const capacity = createNodeCapacity(1);
  const { log, said } = recordingLog();
  const describeFeeder = (): Promise<WorkflowDescription | undefined> => {
    if (memo === 'away') return Promise.reject(new Error('unavailable'));
    if (memo === 'gone') return Promise.resolve(undefined);
    const [status, said] = typeof memo === 'string' ? [memo, {}] : (['running', memo] as const);
    return Promise.resolve({ status, startedAtMs: 0, memo: said });
  };
  const workflows = { describe: describeFeeder };
  const watched = await watchDrain({
    ...{ installation: 'test', workflows, capacity, standingFile, log },
  });
  return {
    ...{ capacity, said, read: watched.read },
    /** Stops watching, and returns the note. */
    stop: async (): Promise<string | undefined> => {
      await watched.close();
      return readTextIfThere(standingFile);
    },
    become: async (next: Feeder): Promise<void> => {
      memo = next;
      mock.timers.tick(LOOK_MS);
      await tick();
    },
  };
}

const DRAINED = { isDraining: true, paused: ['slow'] };
const NOTED = JSON.stringify(DRAINED);
const RESUMED = {};
const FREE = { isDraining: false, paused: [] };

describe('the note of a drain and of pauses', () => {
  for (const [feeder, noted, after, why] of [
    [DRAINED, undefined, DRAINED, 'the node was drained'],
    [RESUMED, NOTED, FREE, 'the node was resumed while its process was away'],
    ['completed', NOTED, FREE, '`stop` has ended both'],
    ['gone', NOTED, DRAINED, 'Temporal has a new database'],
    ['ended', NOTED, DRAINED, 'a person has terminated feedRunners'],
    ['away', NOTED, DRAINED, 'Temporal does not answer yet'],
    ['gone', undefined, FREE, 'the node is new'],
    ['gone', '{"isDraining":', FREE, 'a person has broken the file'],
    ['gone', '{"isDraining":1,"paused":[2]}', FREE, 'a person has written nonsense into it'],
  ] as const) {
    it(`leads to ${JSON.stringify(after)} from ${JSON.stringify(feeder)}: ${why}`, async () => {
      const { capacity, read, stop } = await watch(feeder, noted);
      const known = await read().catch(() => after);
      const left = await stop();
      assert.deepEqual(capacity.pauses, after.isDraining ? ['drained'] : []);
      assert.deepEqual(known, after);
      const isChanged = feeder === DRAINED || feeder === 'completed' || feeder === RESUMED;
      assert.equal(left, isChanged ? `${JSON.stringify(after)}\n` : noted);
    });
  }

  it('follows the workflow, and outlives its loss', async () => {
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      const { capacity, become, read, stop } = await watch({});
      await become(DRAINED);
      await become('gone');
      assert.deepEqual([await read(), capacity.hasFree()], [DRAINED, false]);
      await become('away');
      await assert.rejects(read(), /unavailable/);
      await become({ isDraining: true, paused: [] });
      assert.equal(await stop(), '{"isDraining":true,"paused":[]}\n');
    } finally {
      mock.timers.reset();
    }
  });
});

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
      await become('completed');
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
