import type { Client } from '@temporalio/client';
import { listOpenBuilds, type OpenBuild } from './builds.ts';
import type { CommandContext } from './context.ts';

/** The ways to name a job, for the help of each command. */
export const JOB_ARGUMENT = "The job's id, its address in GitLab, or its build as `jobs` prints it";

/** Finds the open build that a person means. */
export async function findBuild(client: Client, job: string): Promise<OpenBuild> {
  return chooseBuild(await listOpenBuilds(client), job);
}

/** Chooses the build that a job number means. Two GitLabs may have a job with the same number. */
export function chooseBuild(builds: readonly OpenBuild[], job: string): OpenBuild {
  const wanted = /\/-\/jobs\/(\d+)\/?$/.exec(job)?.[1] ?? job;
  const found = builds.filter(({ jobId, buildId }) => buildId === job || jobId === wanted);
  const [first, ...others] = found;
  if (first === undefined) {
    throw new Error(`no job ${JSON.stringify(job)} runs: \`jobs\` lists the running ones`);
  }
  if (others.length > 0) {
    const names = found.map(({ buildId }) => buildId).join(', ');
    throw new Error(`several jobs have the number ${wanted}: name the build of one, ${names}`);
  }
  return first;
}

/** Returns who gives a command, as far as the environment tells it. */
export function userName({ io: { env } }: CommandContext): string {
  // An empty variable counts as unset.
  return [env['SUDO_USER'], env['USER']].find((name) => (name ?? '') !== '') ?? 'somebody';
}
