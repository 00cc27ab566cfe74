import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeWait, parseWaits, waitAfter } from '../../../src/domain/build/wait.ts';
import { formatStageTable } from '../../../src/domain/build/stage-table.ts';

const GITLAB = { key: 'uploadTrace', what: 'GitLab', sinceMs: 1_000, status: 503 };
const DOCKER = { key: 'docker', what: 'Docker', sinceMs: 0 };

describe('the waits that a signal tells', () => {
  it('are words of a closed list, with a status and a time', () => {
    assert.deepEqual(parseWaits([GITLAB, DOCKER]), [GITLAB, DOCKER]);
    assert.deepEqual(parseWaits([]), []);
  });
  const cases: [value: unknown, why: string][] = [
    [undefined, 'nothing'],
    ['Docker', 'no list'],
    [[{ ...DOCKER, what: 'a secret' }], 'other words'],
    [[{ ...DOCKER, sinceMs: 'now' }], 'no time'],
    [[{ ...DOCKER, sinceMs: 1e300 }], 'no time that a calendar has'],
    [[{ ...DOCKER, key: 1 }], 'no key'],
    [[GITLAB, null], 'one of them none'],
    [Array(21).fill(DOCKER), 'too many'],
  ];
  for (const [value, why] of cases) {
    it(`are ignored: ${why}`, () => assert.equal(parseWaits(value), undefined));
  }
  it('lose an invalid status', () => {
    assert.deepEqual(parseWaits([{ ...DOCKER, status: 7 }]), [DOCKER]);
  });
});

it('a wait is described by the party that is waited for, and its answer', () => {
  assert.equal(describeWait(waitAfter({ from: 'gitlab', status: 503 })), 'GitLab, 503');
  assert.equal(describeWait(waitAfter({ from: 'disk' })), 'the disk of its node');
  assert.equal(describeWait(waitAfter({})), 'another try');
});

it('the table of stages ends with a line for each wait', () => {
  const waits = [
    { what: 'Docker', sinceMs: 0 },
    { what: 'GitLab, 503', sinceMs: 61_000 },
  ];
  assert.deepEqual(formatStageTable([], waits).split('\n').slice(2), [
    ...['', 'Waits for Docker since 00:00:00 UTC'],
    ...['', 'Waits for GitLab, 503 since 00:01:01 UTC'],
  ]);
});
