import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { FakeGitLab, FakeJob } from '../support/fake-gitlab/index.ts';
import { JOB_IMAGE } from '../support/installation.ts';
import { runBareContainer } from './bare-docker.ts';

// These functions measure the lower limits for any runner, on the same machine as the runner.

const PATCH_BYTES = 1024 * 1024;
const execute = promisify(execFile);

export async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const sinceMs = performance.now();
  await work();
  return performance.now() - sinceMs;
}

export function timeOfContainer(): Promise<number> {
  return timeOf(() => runBareContainer(JOB_IMAGE));
}

/** Measures a fetch of the branch into a new repository, and one container. */
export async function timeOfGitAndContainer(gitlab: FakeGitLab): Promise<number> {
  return (await timeOfGit(gitlab)) + (await timeOfContainer());
}

/** Measures a fetch of the branch into a new repository. */
export async function timeOfGit(gitlab: FakeGitLab): Promise<number> {
  const job = await claimJob(gitlab);
  const directory = await mkdtemp(join(tmpdir(), 'tgr-bench-'));
  const { url, defaultBranch } = gitlab.repository;
  const authorized = url.replace('://', `://gitlab-ci-token:${job.token}@`);
  try {
    await execute('git', ['init', '--quiet', directory]);
    return await timeOf(() =>
      execute('git', [
        '-C',
        directory,
        'fetch',
        '--quiet',
        '--depth=20',
        authorized,
        defaultBranch,
      ]),
    );
  } finally {
    job.cancel();
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Measures how long the simplest client takes to send the bytes of a log to the same server, patch
 * by patch.
 */
export async function timeOfPatches(gitlab: FakeGitLab, bytes: Buffer): Promise<number> {
  const job = await claimJob(gitlab);
  const time = await timeOf(async () => {
    for (let start = 0; start < bytes.length; start += PATCH_BYTES) {
      const body = bytes.subarray(start, start + PATCH_BYTES);
      const answer = await fetch(`${gitlab.url}/api/v4/jobs/${job.id}/trace`, {
        ...{ method: 'PATCH', body },
        headers: {
          ...{ 'JOB-TOKEN': job.token, 'Content-Type': 'text/plain' },
          'Content-Range': `${start}-${start + body.length - 1}`,
        },
      });
      await answer.arrayBuffer();
      if (answer.status !== 202) throw new Error(`a patch was answered ${answer.status}`);
    }
  });
  job.cancel();
  return time;
}

/** Takes a job in the role of a runner. */
async function claimJob(gitlab: FakeGitLab): Promise<FakeJob> {
  const token = `glrt-${randomBytes(10).toString('hex')}`;
  gitlab.addRunner({ token });
  const job = gitlab.addJob({ runnerToken: token });
  const answer = await fetch(`${gitlab.url}/api/v4/jobs/request`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'RUNNER-TOKEN': token },
    body: JSON.stringify({ token, system_id: 's_0123456789ab', info: { features: {} } }),
  });
  await answer.arrayBuffer();
  if (answer.status !== 201) throw new Error(`the bench's own job: ${answer.status}`);
  return job;
}
