import type { Client } from '@temporalio/client';
import { listOpenBuilds, type OpenBuild } from './builds.ts';
import type { CommandContext } from './context.ts';

// What all commands about one job share.

/** What of a job a person may write, in the help of each command. */
export const JOB_ARGUMENT = "The job's id, its address in GitLab, or its build as `jobs` prints it";

/** The open build that a person means. */
export async function findBuild(client: Client, job: string): Promise<OpenBuild> {
  return chooseBuild(await listOpenBuilds(client), job);
}

/** The build that a job number means. Two GitLabs may have a job with the same number. */
export function chooseBuild(builds: readonly OpenBuild[], job: string): OpenBuild {
  const wanted = /\/-\/jobs\/(\d+)\/?$/.exec(job)?.[1] ?? job;
  const found = builds.filter(({ jobId, buildId }) => buildId === job || jobId === wanted);
  const [first, ...others] = found;
  if (first === undefined) {
    throw new Error(`no job ${JSON.stringify(job)} runs: \`jobs\` lists those that do`);
  }
  if (others.length > 0) {
    const names = found.map(({ buildId }) => buildId).join(', ');
    throw new Error(`job ${wanted} is not the only one of that number, name its build: ${names}`);
  }
  return first;
}

/** Who gives a command, as far as the environment says it. */
export function userName({ io: { env } }: CommandContext): string {
  // An empty variable is one that is not set.
  return [env['SUDO_USER'], env['USER']].find((name) => (name ?? '') !== '') ?? 'somebody';
}
