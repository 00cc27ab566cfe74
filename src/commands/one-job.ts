import type { Client, WorkflowHandle } from '@temporalio/client';
import { errorMessage } from '../domain/error-message.ts';
import { listOpenBuilds, type OpenBuild } from './builds.ts';
import type { CommandContext } from './context.ts';

/** Time limit for the answer of a worker, because none may be running. */
const COMMAND_LIMIT_MS = 10_000;

/** The ways to name a job, for the help of each command. */
export const JOB_ARGUMENT = "The job's id, its address in GitLab, or its build as `jobs` prints it";

/** Finds the open build that a person means. */
export async function findBuild(client: Client, job: string): Promise<OpenBuild> {
  return chooseBuild(await listOpenBuilds(client), job);
}

/** The address of a job: without query and fragment, its host, and the job's number. */
const ADDRESS = /^((?:https?:\/\/)?([^/?#]+)\/[^?#]*\/-\/jobs\/(\d+))\/?(?:[?#].*)?$/i;

/**
 * Chooses the build that a job number or an address means. Two GitLabs may have a job with the same
 * number.
 */
export function chooseBuild(builds: readonly OpenBuild[], job: string): OpenBuild {
  const [, address, host = '', wanted = job] = ADDRESS.exec(job) ?? [];
  // A runner may know its GitLab by another host than the one of the job's page.
  const isThere = ({ buildId, url }: OpenBuild): boolean =>
    address === undefined || address === url || buildId.startsWith(`build/${host.toLowerCase()}/`);
  const found = builds.filter(
    (build) => build.buildId === job || (build.jobId === wanted && isThere(build)),
  );
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

interface Sending {
  readonly send: (build: WorkflowHandle) => Promise<string>;
  readonly limitMs?: number;
}

/** Sends a command to a build and returns the answer. Throws with the reason of a refusal. */
export async function answerOf(
  client: Client,
  buildId: string,
  { send, limitMs = COMMAND_LIMIT_MS }: Sending,
): Promise<string> {
  const build = client.workflow.getHandle(buildId);
  try {
    return await client.withDeadline(Date.now() + limitMs, () => send(build));
  } catch (error) {
    throw new Error(`${buildId}: ${await describeRefusal(error)}`, { cause: error });
  }
}

async function describeRefusal(error: unknown): Promise<string> {
  // The client has already loaded this module.
  const { WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError } =
    await import('@temporalio/client');
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) {
    return 'no worker answers for this build: start one';
  }
  const cause = error instanceof WorkflowUpdateFailedError ? error.cause : error;
  return errorMessage(cause);
}
