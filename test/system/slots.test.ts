import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { buildsOf } from '../support/leftovers.ts';
import { NO_GIT } from '../support/scenario.ts';
import { startSecondNode, type SecondNode } from '../support/second-node.ts';

const CONCURRENT = 3;

describe('slots', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({ concurrent: CONCURRENT, runners: 3 });
    await installation.start();
  });
  after(() => installation.close());

  it(`never runs more than ${CONCURRENT} of fifty jobs over three runners at once`, async () => {
    const { gitlab, tokens } = installation;
    const jobs = Array.from({ length: 50 }, (_, index) =>
      gitlab.addJob({
        script: ['true'],
        variables: [NO_GIT],
        ...(index % 2 === 0 && { runnerToken: tokens[index % 3] ?? '' }),
      }),
    );
    const states = await Promise.all(jobs.map((job) => job.whenFinished(300_000)));
    assert.deepEqual(new Set(states), new Set(['success']));
    assert.ok(mostAtOnce(jobs) <= CONCURRENT, `${mostAtOnce(jobs)} at once`);
    assert.ok(mostAtOnce(jobs) === CONCURRENT, 'all slots were used');
    assert.deepEqual(
      jobs.filter(({ handedOut }) => handedOut !== 1),
      [],
    );
    await installation.whenClean();
    assert.deepEqual(gitlab.violations, []);
  });
});

describe('a job whose result GitLab does not accept', () => {
  it('keeps its slot, so that no other job’s log waits on the disk', async () => {
    const installation = await openInstallation({ concurrent: 1 });
    try {
      await installation.start();
      const { gitlab, stateDir } = installation;
      const [first, second] = ['first', 'second'].map((name) =>
        gitlab.addJob({ script: [`echo ${name}`], variables: [NO_GIT] }),
      );
      assert.ok(first !== undefined && second !== undefined);
      const refused = gitlab.intercept(({ kind, jobId }) =>
        kind === 'update' && jobId === first.id && /Job succeeded/.test(first.log)
          ? { status: 503 }
          : undefined,
      );
      await first.whenLog(/Job succeeded/);
      // This time is longer than the time until a free slot is filled.
      await assert.rejects(second.whenState(['running'], 8_000));
      assert.ok(refused.count > 0, 'its result was not refused');
      assert.deepEqual([first.state, second.handedOut], ['running', 0]);
      assert.equal((await buildsOf(stateDir)).length, 1);
      refused.remove();
      assert.equal(await first.whenFinished(), 'success');
      assert.equal(await second.whenFinished(), 'success');
      await installation.whenClean();
      assert.deepEqual(gitlab.violations, []);
    } finally {
      await installation.close();
    }
  });
});

describe('two nodes whose runner has a limit of one', () => {
  it('each run one build of it at a time, whichever node’s workflow asks', async () => {
    const installation = await openInstallation({ concurrent: 3, runnerToml: '  limit = 1\n' });
    let second: SecondNode | undefined;
    try {
      await installation.start();
      second = await startSecondNode(installation);
      const { gitlab, stateDir } = installation;
      const nodes = [stateDir, second.stateDir];
      const jobs = Array.from({ length: 10 }, () =>
        gitlab.addJob({ script: ['sleep 1'], variables: [NO_GIT] }),
      );
      const finished = Promise.all(jobs.map((job) => job.whenFinished(120_000)));
      const watch = new AbortController();
      void finished.catch(() => undefined).then(() => watch.abort());
      const most = await Promise.all(nodes.map((node) => mostBuilds(node, watch.signal)));
      assert.deepEqual(new Set(await finished), new Set(['success']));
      assert.deepEqual(most, [1, 1]);
      await second.whenBothClean();
      assert.deepEqual(gitlab.violations, []);
    } finally {
      await second?.close();
      await installation.close();
    }
  });
});

/** Returns the greatest number of builds that a node had at once until the watch is ended. */
async function mostBuilds(stateDir: string, watch: AbortSignal): Promise<number> {
  let most = 0;
  while (!watch.aborted) {
    most = Math.max(most, (await buildsOf(stateDir)).length);
    await delay(20);
  }
  return most;
}

/**
 * Returns how many jobs ran at the same time, from hand-out to result, by the clock of the fake
 * GitLab.
 */
function mostAtOnce(jobs: readonly FakeJob[]): number {
  const changes = jobs
    .flatMap(({ handedOutAtMs = 0, finishedAtMs = 0 }) => [
      { atMs: handedOutAtMs, change: 1 },
      { atMs: finishedAtMs, change: -1 },
    ])
    .sort((a, b) => a.atMs - b.atMs || a.change - b.change);
  let alive = 0;
  return Math.max(...changes.map(({ change }) => (alive += change)));
}
