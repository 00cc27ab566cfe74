import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { OpenBuild } from '../../src/commands/builds.ts';
import { chooseBuild } from '../../src/commands/one-job.ts';
import { formatAge } from '../../src/commands/age.ts';
import { openInstallation, type Installation } from './support.ts';

let installation: Installation | undefined;
afterEach(() => installation?.close());

const ages: [ageMs: number, expected: string][] = [
  [-5, '0 s'],
  [75_900, '75 s'],
  [120_000, '2 min'],
  [12_030_000, '3 h 20 min'],
];
for (const [ageMs, expected] of ages) {
  it(`an age of ${ageMs} ms reads ${expected}`, () => assert.equal(formatAge(ageMs), expected));
}

function build(buildId: string): OpenBuild {
  const jobId = buildId.slice(buildId.lastIndexOf('/') + 1);
  return { buildId, jobId, summary: '', node: 'n', startedAt: new Date(0), stage: '?' };
}

describe('the build that a person means', () => {
  const builds = [build('build/one.test/7'), build('build/two.test/7'), build('build/one.test/8')];
  const cases: [job: string, expected: string | RegExp, why: string][] = [
    ['8', 'build/one.test/8', 'the id of a job'],
    ['https://one.test/group/project/-/jobs/8', 'build/one.test/8', 'its address'],
    ['build/two.test/7', 'build/two.test/7', 'its build'],
    [
      '7',
      /several jobs have the number 7: .*build\/one\.test\/7, build\/two\.test\/7/,
      'two of that number',
    ],
    ['9', /no job "9" runs/, 'none of that number'],
  ];
  for (const [job, expected, why] of cases) {
    it(`is told by ${job}: ${why}`, () => {
      if (typeof expected === 'string') assert.equal(chooseBuild(builds, job).buildId, expected);
      else assert.throws(() => chooseBuild(builds, job), expected);
    });
  }
});

for (const args of [['jobs'], ['cancel', '7'], ['hold', '7'], ['release', '7']]) {
  it(`${args[0]} says so when no Temporal runs, and starts none`, async () => {
    installation = await openInstallation(() => '');
    const { exitCode, stderr } = await installation.run(args);
    assert.equal(exitCode, 1);
    assert.match(stderr, /no Temporal runs for .*start the runner, or set TEMPORAL_ADDRESS/);
  });
}
