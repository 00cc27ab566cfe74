import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { baselineOf, findSlower } from './baseline.ts';
import { formatTable, ratioOf, type Figure } from './figure.ts';
import { readOptions } from './options.ts';
import { median } from './statistics.ts';

function figure(values: readonly number[], limits?: readonly number[]): Figure {
  const limit = limits && { limit: { title: 'the least', values: limits } };
  return { name: 'job', title: 'a job', unit: 'ms', values, ...limit };
}

describe('the bench', () => {
  it('takes the middle value, or the mean of the two in the middle', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.throws(() => median([]), /no median/);
  });

  it('divides a median by that of its limit', () => {
    assert.equal(ratioOf(figure([100, 300, 200], [50, 100, 150])), 2);
    assert.equal(ratioOf(figure([100])), undefined);
    assert.equal(ratioOf(figure([100], [0])), undefined);
  });

  it('prints a figure beside its limit', () => {
    const [head, , row] = formatTable([figure([100, 300, 200], [100])]).split('\n');
    assert.match(head!, /^\| figure +\| unit +\| median/);
    assert.match(row!, /^\| a job +\| ms +\| 200 +\| 100 +\| 300 +\| 100 +\| 2\.00 +\| the least/);
  });

  it('finds what has become slower against its limit, and what was not measured', () => {
    const baseline = baselineOf([figure([200], [100])]);
    assert.deepEqual(baseline, { job: 2 });
    assert.deepEqual(findSlower([figure([240], [100])], baseline), []);
    assert.match(findSlower([figure([260], [100])], baseline).join(), /^job: 2\.6 times/);
    assert.match(findSlower([], baseline).join(), /^job: was not measured/);
  });

  it('reads its options', () => {
    const options = readOptions(['--quick', '--only', 'trivial,git', '--answer-ms', '50']);
    assert.deepEqual(options.rows, ['trivial', 'git']);
    assert.equal(options.answerMs, 50);
    assert.equal(options.runs, 5);
    assert.throws(() => readOptions(['--only', 'fly']), /fly is no row.*trivial/);
    assert.throws(() => readOptions(['--runs', 'many']), /--runs "many"/);
  });

  it('replaces {config} in the command of another runner', () => {
    const { runnerCommand } = readOptions(['--runner-cmd', 'other run --config {config}']);
    assert.deepEqual(runnerCommand?.('/a b.toml'), ['other', 'run', '--config', '/a b.toml']);
  });
});
