import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunnerSettings } from '../../../src/domain/runner/fleet.ts';
import {
  isDisabled,
  nextWakeAtMs,
  updateHealth,
  wakeHealth,
  type RunnerHealth,
} from '../../../src/domain/runner/health.ts';

const REST_MS = 3_600_000;
const RUNNER: RunnerSettings = {
  key: 'key',
  name: 'name',
  limit: 0,
  requestConcurrency: 1,
  unhealthyRequestsLimit: 3,
  unhealthyIntervalMs: REST_MS,
};

/** Health after these reports, one per second from 1 s on. */
function healthAfter(...reports: readonly boolean[]): RunnerHealth | undefined {
  return reports.reduce<RunnerHealth | undefined>(
    (health, isHealthy, index) => updateHealth(health, isHealthy, (index + 1) * 1_000),
    undefined,
  );
}

describe('the health of a runner', () => {
  const CASES = [
    { reports: [], isResting: false, why: 'nothing is known against it' },
    { reports: [false, false], isResting: false, why: 'two refusals may be chance' },
    { reports: [false, false, false], isResting: true, why: 'three in a row are none' },
    { reports: [false, false, true, false], isResting: false, why: 'they were not in a row' },
    { reports: [false, false, false, true], isResting: false, why: 'GitLab has accepted it since' },
  ] as const;
  for (const { reports, isResting, why } of CASES) {
    const words = reports.map((isHealthy) => (isHealthy ? 'accepted' : 'refused')).join(', ');
    it(`${isResting ? 'disables it' : 'lets it ask'} after "${words}": ${why}`, () => {
      assert.equal(isDisabled(healthAfter(...reports), RUNNER, 10_000), isResting);
    });
  }

  it('counts the pause from the last time that GitLab accepted it', () => {
    const refused = healthAfter(false, false, false);
    assert.equal(refused?.lastHealthyMs, 1_000, 'until its first refusal it was accepted');
    assert.equal(isDisabled(refused, RUNNER, 1_000 + REST_MS - 1), true);
    assert.equal(isDisabled(refused, RUNNER, 1_000 + REST_MS), false);
  });

  it('disables a runner that had been accepted for a long time', () => {
    const dayMs = 86_400_000;
    let health: RunnerHealth | undefined = updateHealth(undefined, true, 0);
    for (let refusals = 0; refusals < 3; refusals += 1) health = updateHealth(health, false, dayMs);
    assert.equal(isDisabled(health, RUNNER, dayMs), true);
  });

  it('starts counting again after the pause, and changes nothing before', () => {
    const refused = healthAfter(false, false, false);
    assert.equal(wakeHealth(refused, RUNNER, 5_000), refused);
    const wokenMs = 1_000 + REST_MS;
    assert.deepEqual(wakeHealth(refused, RUNNER, wokenMs), { failures: 0, lastHealthyMs: wokenMs });
    assert.equal(wakeHealth(undefined, RUNNER, 5_000), undefined);
  });

  it('enables the runner first whose pause ends first', () => {
    const other = { ...RUNNER, key: 'other', unhealthyIntervalMs: 60_000 };
    const fine = { ...RUNNER, key: 'fine' };
    const refused = healthAfter(false, false, false);
    assert.ok(refused !== undefined);
    const health = { key: refused, other: refused };
    assert.equal(nextWakeAtMs([RUNNER, other, fine], health), 61_000);
    assert.equal(nextWakeAtMs([fine], health), undefined);
  });

  it('still tells of a pause that has ended, until the runner is enabled', () => {
    const refused = healthAfter(false, false, false);
    assert.ok(refused !== undefined);
    const health = { key: refused };
    const endMs = 1_000 + REST_MS;
    assert.equal(nextWakeAtMs([RUNNER], health), endMs);
    assert.equal(nextWakeAtMs([RUNNER], health, endMs), undefined, 'as up to 0.1.0');
    const woken = wakeHealth(refused, RUNNER, endMs + 1);
    assert.ok(woken !== undefined);
    assert.equal(nextWakeAtMs([RUNNER], { key: woken }), undefined);
  });
});
