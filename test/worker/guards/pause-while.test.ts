import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { createNodeCapacity } from '../../../src/adapters/state/node-capacity.ts';
import { pauseWhile } from '../../../src/worker/guards/pause-while.ts';
import { tick } from '../../activities/support/world.ts';

/** Watches what the test says, with the clock of the test. */
async function watch(first: () => Promise<string | undefined>, initial?: string) {
  let look = first;
  const capacity = createNodeCapacity(1);
  const said: string[] = [];
  mock.timers.enable({ apis: ['setInterval'] });
  const stop = await pauseWhile(capacity, {
    ...{ reason: 'test', initial, intervalMs: 1_000 },
    look: () => look(),
    tell: (why) => said.push(why ?? 'over'),
    onFault: (error) => said.push(String(error)),
  });
  return {
    capacity,
    said,
    stop,
    next: async (answer: typeof first): Promise<void> => {
      look = answer;
      mock.timers.tick(1_000);
      await tick();
    },
  };
}

const is = (why?: string) => () => Promise.resolve(why);

describe('job requests that are paused while there is a reason', () => {
  it('pause and resume, and each change is told once', async (t) => {
    t.after(() => mock.timers.reset());
    const { capacity, said, stop, next } = await watch(is('full'));
    assert.deepEqual(capacity.pauses, ['test']);
    await next(is('full'));
    await next(is('fuller'));
    await next(is());
    await next(is());
    assert.deepEqual([capacity.pauses, said], [[], ['full', 'fuller', 'over']]);
    await stop();
    await next(is('full'));
    assert.deepEqual(capacity.pauses, []);
  });

  it('stay as they were when a look fails, at first as they are said to be', async (t) => {
    t.after(() => mock.timers.reset());
    const fault = () => Promise.reject(new Error('unknown'));
    const { capacity, said, next, stop } = await watch(fault, 'full');
    await next(fault);
    assert.deepEqual(capacity.pauses, ['test']);
    await next(is());
    assert.deepEqual(said, ['full', 'Error: unknown', 'Error: unknown', 'over']);
    await stop();
  });

  it('wait for no look that hangs, and no other begins meanwhile', async (t) => {
    t.after(() => mock.timers.reset());
    const { said, next, stop } = await watch(is());
    await next(() => new Promise(() => undefined));
    await next(is('full'));
    assert.deepEqual(said, []);
    await stop();
  });
});
