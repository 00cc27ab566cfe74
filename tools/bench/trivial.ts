import type { FakeGitLab } from '../../test/support/fake-gitlab/index.ts';
import { JOB_IMAGE, openInstallation } from '../../test/support/installation.ts';
import { runBareContainer } from './bare-docker.ts';
import { formatRow, median, ROW_HEAD } from './statistics.ts';

const ROUNDS = 20;
const WARM_UPS = 2;

/**
 * The trivial job, one after the other, from the 201 that hands it out to the final state that GitLab
 * takes; between them the bare Docker cost of one container, so that both see the same machine.
 */
export async function benchTrivial(): Promise<string> {
  const installation = await openInstallation({ concurrent: 1 });
  try {
    await installation.start();
    const jobMs: number[] = [];
    const dockerMs: number[] = [];
    for (let round = -WARM_UPS; round < ROUNDS; round += 1) {
      const job = await timeOfJob(installation.gitlab);
      // What is cleaned up after the job is not to weigh on the other's time.
      await installation.whenClean();
      const docker = await timeOf(() => runBareContainer(JOB_IMAGE));
      if (round < 0) continue;
      jobMs.push(job);
      dockerMs.push(docker);
    }
    return [
      ROW_HEAD,
      formatRow('trivial job, 201 to final PUT', jobMs),
      formatRow('bare Docker, create+start+wait+remove', dockerMs),
      `ratio of the medians over ${ROUNDS} rounds: ${(median(jobMs) / median(dockerMs)).toFixed(2)}`,
    ].join('\n');
  } finally {
    await installation.close();
  }
}

async function timeOfJob(gitlab: FakeGitLab): Promise<number> {
  const job = gitlab.addJob({
    script: ['true'],
    variables: [{ key: 'GIT_STRATEGY', value: 'none' }],
  });
  const state = await job.whenFinished();
  if (state !== 'success' || job.handedOutAtMs === undefined || job.finishedAtMs === undefined) {
    throw new Error(`the trivial job ended as ${state}:\n${job.log}`);
  }
  return job.finishedAtMs - job.handedOutAtMs;
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  const sinceMs = performance.now();
  await work();
  return performance.now() - sinceMs;
}
