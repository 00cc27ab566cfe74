import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dockerAt } from '../support/docker/docker-at.ts';
import { followContainers, type ContainerEvents } from '../support/docker/container-events.ts';
import type { JobSpec } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, JOB_IMAGE, NO_GIT, type Expectation } from '../support/scenario.ts';

const withEntrypoint = (...entrypoint: readonly string[]) => ({
  image: { name: JOB_IMAGE, entrypoint },
});

interface Case {
  readonly title: string;
  readonly job: JobSpec;
  readonly expected: Expectation;
  /** Starts of the job's container. */
  readonly starts: number;
}

const MARK = 'temporal-gitlab-runner: ';

const CASES: readonly Case[] = [
  {
    title: 'runs its script in the early start, and after_script in one of its own',
    job: { script: ['echo script; sleep 60 &'], afterScript: ['ps; echo after'] },
    expected: { state: 'success', log: ['script', 'after'], never: ['sleep 60\n'] },
    starts: 2,
  },
  {
    title: 'gives the script the first process of the container, and its exit code to the job',
    job: { script: ['echo "pid 1: $(tr "\\0" " " </proc/1/cmdline | cut -c1-20)"', 'exit 7'] },
    expected: {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: 7,
      log: [/pid 1: \S*\/(ba)?sh$/m],
    },
    starts: 1,
  },
  {
    title: 'shows what a script writes to the container’s own log, and no marks of the runner',
    job: {
      script: ['echo "as pid 1" >/proc/1/fd/1; echo script'],
      afterScript: ['echo after; printf "no end" >/proc/1/fd/2'],
    },
    expected: {
      state: 'success',
      log: [/^as pid 1$/m, 'Running after_script', /^no end$/m],
      never: [MARK],
    },
    starts: 2,
  },
  {
    title: 'ends with all that its script has printed, whatever that leaves running',
    job: {
      script: ['seq 1 30000; ( while echo late; do sleep 0.01; done ) & sleep 0.1; echo last'],
    },
    expected: { state: 'success', log: [/^29999\n30000$/m, /^last$/m], never: [MARK] },
    starts: 1,
  },
  {
    title: 'waits as a user without any rights, too',
    job: {
      script: ['id -u'],
      payload: { image: { name: JOB_IMAGE, executor_opts: { docker: { user: '1234' } } } },
    },
    expected: { state: 'success', log: [/^1234$/m] },
    starts: 1,
  },
  {
    title: 'gets file variables while it waits',
    job: {
      script: ['cat "$CONFIG"'],
      variables: [NO_GIT, { key: 'CONFIG', value: 'the content', file: true }],
    },
    expected: { state: 'success', log: ['the content'] },
    starts: 1,
  },
  {
    title: 'fails as always when its image has no such user',
    job: {
      script: ['true'],
      payload: { image: { name: JOB_IMAGE, executor_opts: { docker: { user: 'nobody-here' } } } },
    },
    expected: {
      state: 'failed',
      failureReason: 'runner_system_failure',
      log: [/unable to find user nobody-here/],
    },
    starts: 0,
  },
  {
    title: 'is started with its script where it has an entrypoint',
    job: {
      script: ['echo script'],
      payload: withEntrypoint('sh', '-c', 'echo entry; exec "$@"', 'sh'),
    },
    expected: { state: 'success', log: [/entry[^]*script/] },
    starts: 1,
  },
];

describe('a job’s container that is started early', () => {
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
      const job = installation.gitlab.addJob({ variables: [NO_GIT], ...spec });
      await job.whenFinished();
      assertJob(job, expected);
      await installation.whenClean();
      assert.equal(containers.countStarts(job.id), starts);
      assert.deepEqual(installation.gitlab.violations, []);
    });
  }

  /** Resolves at the event, with the id of the job's own container. */
  const whenContainer = (action: string): Promise<string> =>
    new Promise((resolve) => {
      const close = containers.listen((event) => {
        if (event.action !== action || !event.name.endsWith('-build')) return;
        close();
        resolve(event.id);
      });
    });

  it('is replaced without a word when it ends before its script', async () => {
    const started = whenContainer('start');
    const job = installation.gitlab.addJob({ script: ['echo script'] });
    const id = await started;
    await dockerAt(undefined).getContainer(id).kill();
    await job.whenFinished();
    assertJob(job, { state: 'success', log: ['script'], never: ['WARNING', 'ERROR'] });
    await installation.whenClean();
  });

  it('runs before the sources are there, and is removed when they cannot be fetched', async () => {
    const started = whenContainer('start');
    const job = installation.gitlab.addJob({
      script: ['echo script'],
      payload: { git_info: { sha: 'f'.repeat(40) } },
    });
    await started;
    await job.whenFinished();
    assertJob(job, {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: 128,
      never: ['$ echo script'],
    });
    await installation.whenClean();
  });

  it('is ended at once when the job is canceled before its script', async () => {
    const started = whenContainer('start');
    const died = whenContainer('die');
    const job = installation.gitlab.addJob({ script: ['echo script'] });
    await started;
    job.cancel();
    await died;
    await job.whenFinished();
    assertJob(job, { state: 'canceled' });
    await installation.whenClean();
  });
});
