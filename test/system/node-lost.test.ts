import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { FakeJob, JobSpec } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';
import { defer } from '../workflows/support/calls.ts';
import { startSecondNode, type SecondNode } from '../support/second-node.ts';

const ENV = { TEMPORAL_GITLAB_RUNNER_NODE_WAIT: '5s' };
const FINISH_LIMIT_MS = 180_000;
const MOMENT = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`;

/**
 * Two nodes that share GitLab, Temporal, key and Docker. The first one has the job when it is lost.
 */
interface Scene {
  readonly installation: Installation;
  readonly job: FakeJob;
  startSecond(): Promise<SecondNode>;
  /** Returns how often the script began on both nodes. */
  countRuns(): Promise<number>;
  /** Resolves when the job fetches its sources. */
  whenFetching(): Promise<unknown>;
  /** Lets the fetch continue. The fetch never ends without this call. */
  letFetch(): void;
}

async function play(spec: JobSpec, story: (scene: Scene) => Promise<void>): Promise<void> {
  const witness = await mkdtemp(join(tmpdir(), 'tgr-witness-'));
  const installation = await openInstallation({
    concurrent: 2,
    dockerToml: `    volumes = ["${witness}:/witness"]\n`,
    gitlab: { traceUpdateIntervalSeconds: 1 },
  });
  let second: SecondNode | undefined;
  try {
    const { gitlab } = installation;
    await installation.start(ENV);
    const hold = defer<undefined>();
    const fetching = defer<undefined>();
    const held = gitlab.intercept(({ kind }) => {
      if (kind !== 'git') return undefined;
      fetching.resolve(undefined);
      return { hold: hold.promise };
    });
    const job = gitlab.addJob({ changesNodes: true, ...spec });
    await story({
      ...{ installation, job },
      startSecond: async () => {
        second = await startSecondNode(installation, ENV);
        return second;
      },
      countRuns: async () => {
        const text = await readFile(join(witness, `${job.id}`), 'utf8').catch(() => '');
        return text.split('\n').length - 1;
      },
      whenFetching: () => fetching.promise,
      letFetch: () => {
        held.remove();
        hold.resolve(undefined);
      },
    });
    assert.deepEqual(gitlab.violations, []);
  } finally {
    await second?.close();
    await installation.close();
    await rm(witness, { recursive: true, force: true });
  }
}

const BEGUN = 'echo run >> "/witness/$CI_JOB_ID"';
/** A job that ends only when it is killed. */
const ENDLESS: JobSpec = {
  script: [BEGUN, 'echo in the script', 'sleep 600'],
  variables: [NO_GIT],
};
/**
 * A job that takes longer than a restart of a node, and is shorter than the outage of a lost one.
 */
const LONG: JobSpec = {
  script: [BEGUN, 'echo in the script', 'sleep 30', 'echo done'],
  variables: [NO_GIT],
};
const FETCHING: JobSpec = { script: [BEGUN, 'echo in the script'] };

/** Returns the number of calls about this job that runners have sent to GitLab. */
function countCalls({ installation, job }: Scene): number {
  const { requests } = installation.gitlab;
  return requests.filter(({ path }) => path.includes(`/jobs/${job.id}`)).length;
}

function assertGivenUp(job: FakeJob): void {
  assertJob(job, {
    state: 'failed',
    failureReason: 'runner_system_failure',
    log: [
      'in the script',
      new RegExp(
        String.raw`ERROR: Job failed \(system failure\): node \S+-[0-9a-f]{6} has not answered since ${MOMENT}, nor come back within 5s; its script may have begun, so it is not run again\n?$`,
      ),
    ],
  });
}

function assertMoved(job: FakeJob): void {
  assertJob(job, {
    state: 'success',
    log: [
      'Running with',
      new RegExp(
        `WARNING: Node \\S+ has not answered since ${MOMENT}, before the script began: the job starts again on node \\S+`,
      ),
      'Running with',
      'in the script',
      'Job succeeded',
    ],
  });
}

describe('a node that is lost', { concurrency: 3 }, () => {
  it('before the script loses its job to another node, and removes the leftovers when it comes back', () =>
    play(FETCHING, async (scene) => {
      const { installation, job } = scene;
      await scene.whenFetching();
      const second = await scene.startSecond();
      await installation.runner.end('SIGKILL');
      scene.letFetch();
      await job.whenFinished(FINISH_LIMIT_MS);
      assertMoved(job);
      assert.equal(await scene.countRuns(), 1);
      const calls = countCalls(scene);
      await installation.start(ENV);
      await second.whenBothClean();
      assert.equal(countCalls(scene), calls, 'the node that came back has said something');
    }));

  it('in the script has its job failed by another node, and reports nothing when it comes back', () =>
    play(ENDLESS, async (scene) => {
      const { installation, job } = scene;
      await job.whenLog(/in the script/);
      const second = await scene.startSecond();
      await installation.runner.end('SIGKILL');
      await job.whenFinished(FINISH_LIMIT_MS);
      assertGivenUp(job);
      const calls = countCalls(scene);
      await installation.start(ENV);
      await second.whenBothClean();
      assert.equal(countCalls(scene), calls, 'the node that came back has said something');
      assert.equal(await scene.countRuns(), 1);
    }));

  it('because it is frozen before the script does not begin it when it runs again', () =>
    play(FETCHING, async (scene) => {
      const { installation, job } = scene;
      await scene.whenFetching();
      const second = await scene.startSecond();
      installation.runner.signal('SIGSTOP');
      // The first node wakes only now, so it may be the first one to learn that its fetch
      // continues.
      await job.whenLog(/the job starts again on node/, FINISH_LIMIT_MS);
      installation.runner.signal('SIGCONT');
      scene.letFetch();
      await job.whenFinished(FINISH_LIMIT_MS);
      assertMoved(job);
      await second.whenBothClean(90_000);
      assert.equal(await scene.countRuns(), 1);
    }));

  it('because it is frozen in the script ends it when it runs again, without a report', () =>
    play(ENDLESS, async (scene) => {
      const { installation, job } = scene;
      await job.whenLog(/in the script/);
      const second = await scene.startSecond();
      installation.runner.signal('SIGSTOP');
      await job.whenFinished(FINISH_LIMIT_MS);
      assertGivenUp(job);
      const calls = countCalls(scene);
      installation.runner.signal('SIGCONT');
      await second.whenBothClean(90_000);
      assert.equal(countCalls(scene), calls, 'the node that thawed has said something');
      assert.equal(await scene.countRuns(), 1);
    }));

  it('and is the only one continues its job when it comes back, however late', () =>
    play(LONG, async (scene) => {
      const { installation, job } = scene;
      await job.whenLog(/in the script/);
      await installation.runner.end('SIGKILL');
      // The outage must be longer than the detection of the failover and its wait.
      await new Promise((resolve) => setTimeout(resolve, 65_000));
      await installation.start(ENV);
      await job.whenFinished(FINISH_LIMIT_MS);
      assertJob(job, { state: 'success', log: ['in the script', 'done', 'Job succeeded'] });
      await installation.whenClean();
      assert.equal(await scene.countRuns(), 1);
    }));

  it('only for a short time continues its job', () =>
    play(LONG, async (scene) => {
      const { installation, job } = scene;
      await job.whenLog(/in the script/);
      const second = await scene.startSecond();
      await installation.runner.end('SIGKILL');
      await installation.start(ENV);
      await job.whenFinished(FINISH_LIMIT_MS);
      assertJob(job, { state: 'success', log: ['in the script', 'done', 'Job succeeded'] });
      await second.whenBothClean();
      assert.equal(await scene.countRuns(), 1);
    }));
});
