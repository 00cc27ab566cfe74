import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Poller } from '../../../src/adapters/temporal/pollers.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import { formatProcessName } from '../../../src/domain/runner/process-name.ts';
import {
  assertAlone,
  watchDuplicates,
  type DuplicateScope,
} from '../../../src/worker/guards/duplicate-nodes.ts';

const NOW_MS = Date.parse('2026-11-25T12:00:00Z');
const BOOT = '3f2a9c1b';
/** A process id above the highest possible one. */
const DEAD_PID = 2 ** 22 + 1;

interface Named {
  readonly host?: string;
  readonly pid?: number;
  readonly boot?: string;
  readonly sinceMs?: number;
}

function nameOf({ host = 'vm', pid = process.pid, boot = BOOT, sinceMs = NOW_MS }: Named): string {
  return formatProcessName({ host, pid, boot, sinceMs });
}

const MINE = nameOf({});
const CLONE = nameOf({ boot: 'another1' });

/** Time passes only in waits. `pollers` says who polled when, in milliseconds from now. */
function scopeOf(
  pollers: (atMs: number) => Readonly<Record<string, number>>,
  change: Partial<DuplicateScope> = {},
) {
  let atMs = 0;
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  const scope: DuplicateScope = {
    identity: MINE,
    predecessor: undefined,
    stateDir: '/state',
    log: { debug: say, info: say, warn: say, error: say },
    clock: {
      nowMs: () => NOW_MS + atMs,
      monotonicMs: () => atMs,
      sleep: (ms, signal) => {
        atMs += ms;
        return signal?.aborted === true
          ? Promise.reject(signal.reason as Error)
          : Promise.resolve();
      },
    },
    readPollers: () =>
      Promise.resolve(
        Object.entries(pollers(atMs)).map(([identity, ms]): Poller => ({
          identity,
          lastPollMs: NOW_MS + ms,
        })),
      ),
    ...change,
  };
  return { scope, lines, passedMs: () => atMs };
}

describe('a process that is to serve a node', () => {
  const GONE: readonly (readonly [poller: string, why: string])[] = [
    [MINE, 'it is this process'],
    [nameOf({ pid: DEAD_PID, sinceMs: 1 }), 'it ran on this machine and has ended'],
    [nameOf({ sinceMs: 1 }), 'in a container the next process has the pid of the last one'],
    ['vm:9999999', '0.1.0 called itself so, and has ended'],
  ];
  for (const [poller, why] of GONE) {
    it(`begins at once after ${poller}: ${why}`, async () => {
      const { scope, passedMs } = scopeOf(() => ({ [poller]: -1_000 }));
      await assertAlone(scope);
      assert.equal(passedMs(), 0);
    });
  }

  it('begins at once after a process that stopped as it should, on whatever machine', async () => {
    const { scope, passedMs } = scopeOf(() => ({ [CLONE]: -1_000 }), { predecessor: CLONE });
    await assertAlone(scope);
    assert.equal(passedMs(), 0);
  });

  it('begins at once when another one has been silent longer than any living process', async () => {
    const { scope, passedMs } = scopeOf(() => ({ [CLONE]: -80_000 }));
    await assertAlone(scope);
    assert.equal(passedMs(), 0);
  });

  it("waits no longer for one whose last poll is in the future by this node's clock", async () => {
    const { scope, passedMs } = scopeOf(() => ({ [CLONE]: 3_600_000 }));
    await assertAlone(scope);
    assert.ok(passedMs() <= 80_000, `${passedMs()} ms`);
  });

  it('waits until another one has been silent for so long, and says so', async () => {
    const { scope, passedMs, lines } = scopeOf(() => ({ [CLONE]: -25_000 }));
    await assertAlone(scope);
    assert.equal(passedMs(), 50_000);
    assert.equal(lines.length, 1);
  });

  it('is refused when another one polls again', async () => {
    const { scope, passedMs } = scopeOf((atMs) => ({ [CLONE]: atMs < 30_000 ? -25_000 : 29_000 }));
    await assert.rejects(assertAlone(scope), {
      type: FailureType.RunnerSystem,
      message: /vm:\d+@another1 since \S+, serves this very node: \/state is a copy/,
    });
    assert.equal(passedMs(), 30_000);
  });

  it('is refused when a living process of this machine serves the node', async () => {
    const parent = nameOf({ pid: process.ppid, sinceMs: 1 });
    const { scope } = scopeOf((atMs) => ({ [parent]: atMs }));
    await assert.rejects(assertAlone(scope), /serves this very node/);
  });
});

describe('a process that serves a node', () => {
  const watchWith = async (sinceMs: number) => {
    const rival = nameOf({ host: 'clone', sinceMs });
    const { scope, lines } = scopeOf((atMs) => {
      if (atMs > 200_000) watch.close();
      return { [rival]: atMs < 50_000 ? 0 : 50_000 };
    });
    const watch = watchDuplicates(scope);
    const error: unknown = await watch.whenDuplicate.catch((reason: unknown) => reason);
    return { error, lines };
  };

  it('stops when an older one serves it too', async () => {
    const { error } = await watchWith(NOW_MS - 1);
    assert.match(String(error), /clone:\d+@\S+ since \S+, serves this very node/);
  });

  it('continues when a younger one serves it too, and logs that once', async () => {
    const { error, lines } = await watchWith(NOW_MS + 1);
    assert.match(String(error), /AbortError/);
    assert.equal(lines.filter((line) => line.includes('serves this very node')).length, 1);
  });

  it('ignores an earlier one that is silent', async () => {
    const { scope, lines } = scopeOf((atMs) => {
      if (atMs > 200_000) watch.close();
      return { [CLONE]: 0 };
    });
    const watch = watchDuplicates(scope);
    await assert.rejects(watch.whenDuplicate, /AbortError/);
    assert.deepEqual(lines, []);
  });
});
