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
  const inside = {
    ...build('build/inside.test:8080/9'),
    url: 'https://public.test/g/p/-/jobs/9',
  };
  const builds = [
    ...[build('build/one.test/7'), build('build/two.test/7'), build('build/one.test/8')],
    inside,
  ];
  const cases: [job: string, expected: string | RegExp, why: string][] = [
    ['8', 'build/one.test/8', 'the id of a job'],
    ['https://one.test/group/project/-/jobs/8', 'build/one.test/8', 'its address'],
    ['https://one.test/group/project/-/jobs/8#L45', 'build/one.test/8', 'a line of its log'],
    ['https://one.test/group/project/-/jobs/8/?a=b#L4', 'build/one.test/8', 'with a query'],
    ['https://Two.test/g/p/-/jobs/7', 'build/two.test/7', 'its address, where two have the number'],
    ['two.test/g/p/-/jobs/7', 'build/two.test/7', 'its address without a scheme'],
    ['https://two.test/g/p/-/jobs/8', /no job "https:.*" runs/, 'an address of another GitLab'],
    ['https://one.test.example/g/p/-/jobs/8', /no job/, 'an address of a longer name'],
    ['https://public.test/g/p/-/jobs/9', 'build/inside.test:8080/9', 'the address of its page'],
    ['https://public.test/g/other/-/jobs/9', /no job/, 'the address of another page'],
    ['build/two.test/7', 'build/two.test/7', 'its build'],
    [
      '7',
      /several jobs have the number 7: .*build\/one\.test\/7, build\/two\.test\/7/,
      'two of that number',
    ],
    ['10', /no job "10" runs/, 'none of that number'],
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
