import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import packageJson from '../../package.json' with { type: 'json' };
import { baselineOf, findSlower, type Baseline } from './baseline.ts';
import { besideOther, formatTable, ratioOf, shareOf, type Figure } from './figure.ts';
import { HELP, readOptions } from './options.ts';
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

  it('puts another runner beside this one', () => {
    const beside = besideOther([figure([100, 300, 200], [100])], [figure([800, 400, 600])]);
    assert.equal(shareOf(beside[0]!), 200 / 600);
    assert.equal(shareOf(figure([100])), undefined);
    const [head, , row, none] = formatTable([...beside, figure([5])]).split('\n');
    assert.match(head!, /\| other runner +\| of it/);
    assert.match(row!, /\| 600 +\| 0\.33 +\|$/);
    assert.match(none!, /\| +\| +\|$/);
    assert.deepEqual(besideOther([figure([1])], []), [figure([1])]);
  });

  it('compares with a baseline that is in the repository, whose figures the check measures', async () => {
    const file = new URL('../../../test/bench/baseline.json', import.meta.url);
    const baseline = JSON.parse(await readFile(file, 'utf8')) as Baseline;
    const words = packageJson.scripts['bench:check'].split(' ').slice(2);
    const { rows, checkFile } = readOptions(words);
    assert.equal(checkFile, 'test/bench/baseline.json');
    assert.deepEqual(Object.keys(baseline).toSorted(), [...rows].toSorted());
    for (const ratio of Object.values(baseline)) assert.ok(ratio > 1, `${ratio} is no limit`);
  });

  it('finds figures that have become slower against their limit or were not measured', () => {
    const baseline = baselineOf([figure([200], [100])]);
    assert.deepEqual(baseline, { job: 2 });
    assert.deepEqual(findSlower([figure([300], [100])], baseline), []);
    assert.match(findSlower([figure([310], [100])], baseline).join(), /^job: 3\.1 times/);
    assert.match(findSlower([], baseline).join(), /^job: was not measured/);
  });

  it('reads its options', () => {
    const options = readOptions(['--quick', '--only', 'trivial,git', '--answer-ms', '50']);
    assert.deepEqual(options.rows, ['trivial', 'git']);
    assert.equal(options.answerMs, 50);
    assert.equal(options.runs, 5);
    assert.throws(() => readOptions(['--only', 'fly']), /fly is no row.*trivial/);
    assert.throws(() => readOptions(['--runs', 'many']), /--runs "many"/);
    assert.equal(readOptions([]).wantsHelp, false);
    assert.equal(readOptions([]).rows.includes('ended'), false);
    assert.equal(readOptions(['--only', 'ended']).largest.ended, 10_000);
  });

  it('explains each row and each option', () => {
    assert.equal(readOptions(['--help']).wantsHelp, true);
    const growth = readOptions(['--only', 'runners,queue,ended,nodes']).rows;
    for (const row of [...readOptions([]).rows, ...growth]) {
      assert.match(HELP, new RegExp(`^  ${row} +\\w`, 'm'));
    }
    for (const option of ['--only', '--answer-ms', '--runner-cmd', '--json', '--check']) {
      assert.match(HELP, new RegExp(`^  ${option} `, 'm'));
    }
  });

  it('replaces {config} in the command of another runner', () => {
    const { runnerCommand } = readOptions(['--runner-cmd', 'other run --config {config}']);
    assert.deepEqual(runnerCommand?.('/a b.toml'), ['other', 'run', '--config', '/a b.toml']);
  });
});
