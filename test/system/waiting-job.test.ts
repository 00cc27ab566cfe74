import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { followContainers, type ContainerEvents } from '../support/docker/container-events.ts';
import type { JobSpec } from '../support/fake-gitlab/index.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, JOB_IMAGE, NO_GIT, type Expectation } from '../support/scenario.ts';

/** Ignores every signal but KILL, and outlives the shell that has started it. */
const STUBBORN = "( trap '' TERM HUP INT; while :; do sleep 61; done ) &";
const OTHERS =
  'for each in /proc/[0-9]*; do grep -qs "sleep" "$each/cmdline" && echo "left: $each"; done; echo told';

interface Case {
  readonly title: string;
  readonly job: JobSpec;
  readonly expected: Expectation;
  readonly starts: number;
}

const withEntrypoint = (...entrypoint: readonly string[]) => ({
  image: { name: JOB_IMAGE, entrypoint },
});

const CASES: readonly Case[] = [
  {
    title: 'is started once for script and after_script, and nothing of the script runs after it',
    job: { script: ['word=script', STUBBORN], afterScript: [OTHERS, 'echo "word: ${word-none}"'] },
    expected: { state: 'success', log: ['told', 'word: none'], never: ['left: /proc'] },
    starts: 1,
  },
  {
    title: 'loses no word that the script gives to the first process of the container',
    job: {
      script: ['seq 1000 >/proc/1/fd/1; printf "no line end" >/proc/1/fd/2'],
      afterScript: ['echo after'],
    },
    expected: {
      state: 'success',
      log: ['999', '1000', 'no line end', 'after'],
      never: ['\nover '],
    },
    starts: 1,
  },
  {
    title: 'fails by its script when the script kills every process that it may',
    job: { script: ['kill -KILL -1', 'echo survived'] },
    expected: {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: 137,
      never: ['survived'],
    },
    starts: 1,
  },
  {
    title: 'is started again for after_script when the script has failed',
    job: { script: ['exit 7'], afterScript: ['echo "after $CI_JOB_STATUS"'] },
    expected: {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: 7,
      log: ['after failed'],
    },
    starts: 2,
  },
  {
    title: 'waits as a user without any rights, too',
    job: {
      script: ['id -u', STUBBORN],
      afterScript: [OTHERS],
      payload: { image: { name: JOB_IMAGE, executor_opts: { docker: { user: '1234' } } } },
    },
    expected: { state: 'success', log: [/^1234$/m, 'told'], never: ['left: /proc'] },
    starts: 1,
  },
  {
    title: 'waits where the job resets the entrypoint',
    job: { script: ['true'], afterScript: ['echo after'], payload: withEntrypoint('') },
    expected: { state: 'success', log: ['after'] },
    starts: 1,
  },
  {
    title: 'is started for each script where it has an entrypoint',
    job: {
      script: ['echo script'],
      afterScript: ['echo after'],
      payload: withEntrypoint('sh', '-c', 'echo entry; exec "$@"', 'sh'),
    },
    expected: { state: 'success', log: ['entry', 'script', 'entry', 'after'] },
    starts: 2,
  },
];

describe('a job’s container that waits for its scripts', () => {
  let installation: Installation;
  let containers: ContainerEvents;
  before(async () => {
    installation = await openInstallation();
    containers = await followContainers();
    await installation.start();
  });
  after(async () => {
    containers.close();
    await installation.close();
  });

  for (const { title, job: spec, expected, starts } of CASES) {
    it(title, async () => {
      const job = installation.gitlab.addJob({ ...spec, variables: [NO_GIT] });
      await job.whenFinished();
      assertJob(job, expected);
      await installation.whenClean();
      assert.equal(containers.countStarts(job.id), starts);
      assert.deepEqual(installation.gitlab.violations, []);
    });
  }
});
