import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  adaptRequestLimit,
  isSameFeeding,
  isSamePace,
  mayWait,
  nextRequestAtMs,
  planFeedings,
  type Feeding,
  type FleetState,
  type RunnerSettings,
} from '../../../src/domain/runner/fleet.ts';

function runner(key: string, change: Partial<RunnerSettings> = {}): RunnerSettings {
  return {
    key,
    name: `name of ${key}`,
    limit: 0,
    requestConcurrency: 1,
    unhealthyRequestsLimit: 3,
    unhealthyIntervalMs: 3_600_000,
    ...change,
  };
}

function fleet(runners: readonly RunnerSettings[], change: Partial<FleetState> = {}): FleetState {
  const settings = { checkIntervalMs: 3_000, concurrent: 4, runners };
  return { settings, health: {}, paused: [], isDraining: false, ...change };
}

const FEEDING: Feeding = {
  isFed: true,
  intervalMs: 3_000,
  offsetMs: 0,
  limit: 0,
  requestConcurrency: 1,
  mayWait: false,
};

describe('a fleet of runners', () => {
  it('spreads their requests evenly over the interval, in the order of the file', () => {
    const feedings = planFeedings(fleet([runner('a'), runner('b'), runner('c')]), 0);
    assert.deepEqual(
      [...feedings].map(([key, { offsetMs }]) => [key, offsetMs]),
      [
        ['a', 0],
        ['b', 1_000],
        ['c', 2_000],
      ],
    );
  });

  const REFUSED = { failures: 3, lastHealthyMs: 0 };
  const CASES: readonly { change: Partial<FleetState>; fed: string; why: string }[] = [
    { change: {}, fed: 'ab', why: 'nothing is against it' },
    { change: { paused: ['a'] }, fed: 'b', why: 'one is paused' },
    { change: { isDraining: true }, fed: '', why: 'the installation drains' },
    { change: { health: { b: REFUSED } }, fed: 'a', why: 'one rests after refusals' },
    { change: { paused: ['unknown'] }, fed: 'ab', why: 'a stranger is paused' },
  ];
  for (const { change, fed, why } of CASES) {
    it(`feeds "${fed}" when ${why}`, () => {
      const feedings = planFeedings(fleet([runner('a'), runner('b')], change), 1_000);
      const keys = [...feedings].filter(([, { isFed }]) => isFed).map(([key]) => key);
      assert.equal(keys.join(''), fed);
    });
  }
});

describe('whether GitLab may hold a request open', () => {
  const CASES = [
    { limits: [0], concurrent: 1, expected: true, why: 'nobody else needs the slot' },
    { limits: [0, 0], concurrent: 100, expected: false, why: 'the other has no limit' },
    { limits: [1, 0], concurrent: 100, expected: false, why: 'the other has no limit' },
    { limits: [0, 2], concurrent: 4, expected: false, why: 'its own builds may take all the rest' },
    { limits: [2, 2], concurrent: 4, expected: true, why: 'all limits together fit' },
    { limits: [2, 2], concurrent: 3, expected: false, why: 'one slot is missing' },
  ] as const;
  for (const { limits, concurrent, expected, why } of CASES) {
    it(`is ${expected} with limits ${limits.join(', ')} at concurrent ${concurrent}: ${why}`, () => {
      const runners = limits.map((limit, index) => runner(String(index), { limit }));
      const [first] = runners;
      assert.ok(first !== undefined);
      assert.equal(mayWait({ checkIntervalMs: 3_000, concurrent, runners }, first), expected);
    });
  }

  it('never costs another runner the slot for a job that its limit allows', () => {
    const limits = fc.array(fc.nat({ max: 5 }), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 12 }), (all, concurrent) => {
        const runners = all.map((limit, index) => runner(String(index), { limit }));
        const settings = { checkIntervalMs: 3_000, concurrent, runners };
        const waiting = runners.filter((one) => mayWait(settings, one));
        if (waiting.length === 0) return;
        // Every build and every open request counts under the limit of its runner.
        const most = all.reduce((sum, limit) => sum + (limit > 0 ? limit : Infinity), 0);
        assert.ok(most <= concurrent);
      }),
    );
  });
});

describe('the time of the next request', () => {
  it('is the runner’s first due time after now', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 10_000_000 }),
        fc.integer({ min: 1, max: 60_000 }),
        fc.nat({ max: 60_000 }),
        (nowMs, intervalMs, offset) => {
          const offsetMs = offset % intervalMs;
          const nextMs = nextRequestAtMs(nowMs, { intervalMs, offsetMs });
          assert.ok(nextMs > nowMs);
          assert.ok(nextMs <= nowMs + intervalMs);
          assert.equal((nextMs - offsetMs) % intervalMs, 0);
        },
      ),
    );
  });
});

describe('the number of requests that a runner may have open', () => {
  it('grows by a tenth with each job, up to request_concurrency', () => {
    const answer = { hasJob: true, requestConcurrency: 3 };
    assert.equal(Math.ceil(adaptRequestLimit(1, answer)), 2);
    let limit = 1;
    for (let jobs = 0; jobs < 50; jobs += 1) limit = adaptRequestLimit(limit, answer);
    assert.equal(limit, 3);
  });

  it('returns to one after a round without a job', () => {
    assert.equal(adaptRequestLimit(3, { hasJob: false, requestConcurrency: 3 }), 1);
  });

  it('follows a reduced request_concurrency', () => {
    assert.equal(adaptRequestLimit(5, { hasJob: true, requestConcurrency: 2 }), 2);
  });
});

describe('a changed feeding', () => {
  const CHANGES: readonly { change: Partial<Feeding>; isPace: boolean }[] = [
    { change: { intervalMs: 1 }, isPace: true },
    { change: { offsetMs: 1 }, isPace: true },
    { change: { mayWait: true }, isPace: true },
    { change: { isFed: false }, isPace: false },
    { change: { limit: 1 }, isPace: false },
    { change: { requestConcurrency: 2 }, isPace: false },
  ];
  for (const { change, isPace } of CHANGES) {
    const [name] = Object.keys(change);
    it(`is detected by its ${name ?? ''}, which ${isPace ? 'changes' : 'keeps'} the pace`, () => {
      const changed = { ...FEEDING, ...change };
      assert.equal(isSameFeeding(FEEDING, changed), false);
      assert.equal(isSamePace(FEEDING, changed), !isPace);
    });
  }

  it('is not detected when everything is equal', () => {
    assert.ok(isSameFeeding(FEEDING, { ...FEEDING }));
  });
});
