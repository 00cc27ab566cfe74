import type { Client } from '@temporalio/client';
import { listWorkflowIds, openWorkflows } from '../adapters/temporal/workflow-ids.ts';
import type { StatePaths } from '../adapters/state/state-directory.ts';
import { buildStatusQuery, type BuildStatus } from '../workflows/messages.ts';
import type { CommandContext } from './context.ts';
import { findState } from './find-state.ts';

/** A build that has not ended, as Temporal shows it. */
export interface OpenBuild extends Partial<BuildStatus> {
  readonly buildId: string;
  readonly jobId: string;
  /** Names of project, job and ref. */
  readonly summary: string;
  readonly node: string;
  readonly startedAt: Date;
  /** Address of the job's page; undefined where Temporal may not show names. */
  readonly url?: string | undefined;
  /** `?` while no worker answers for it. */
  readonly stage: string;
}

/** Time limit for a query. Only a worker answers queries, and none may be running. */
export const QUERY_LIMIT_MS = 5_000;

const OPEN_BUILDS = openWorkflows('runBuild');

/** Runs an action with the Temporal of the node with this config file. */
export async function withTemporal<T>(
  configPath: string,
  context: CommandContext,
  work: (client: Client, state: StatePaths) => Promise<T>,
): Promise<T> {
  const { state, notedTemporal: noted } = await findState(configPath, context);
  const { env } = context.io;
  const { client, closeClient } = await context.ports.visitTemporal({ env, state, noted });
  try {
    return await work(client, state);
  } finally {
    await closeClient();
  }
}

/** Lists every build of the namespace that has not ended, the oldest first. */
export async function listOpenBuilds(client: Client): Promise<readonly OpenBuild[]> {
  const ids = await listWorkflowIds(client, OPEN_BUILDS);
  const found = await Promise.all(ids.map((id) => describeIfKnown(client, id)));
  const builds = found.filter((build) => build !== undefined);
  return builds.toSorted((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
}

/** Counts the builds of the namespace that have not ended, by node. */
export async function countOpenBuilds(client: Client): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for await (const { memo } of client.workflow.list({ query: OPEN_BUILDS })) {
    const node = nodeOf(memo?.['nodeQueue']);
    counts.set(node, (counts.get(node) ?? 0) + 1);
  }
  return counts;
}

/** Describes a build; undefined when it was deleted and Temporal still lists it. */
async function describeIfKnown(client: Client, buildId: string): Promise<OpenBuild | undefined> {
  try {
    return await describeBuild(client, buildId);
  } catch (error) {
    // The client has already loaded this module.
    const { WorkflowNotFoundError } = await import('@temporalio/client');
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

async function describeBuild(client: Client, buildId: string): Promise<OpenBuild> {
  const handle = client.workflow.getHandle(buildId);
  const description = await handle.describe();
  const status = await client
    .withDeadline(Date.now() + QUERY_LIMIT_MS, () => handle.query(buildStatusQuery))
    .catch(() => ({ stage: '?' }));
  return {
    buildId,
    ...status,
    startedAt: description.startTime,
    jobId: buildId.slice(buildId.lastIndexOf('/') + 1),
    summary: (await description.staticSummary()) ?? '',
    url: /\((\S+)\)$/.exec((await description.staticDetails()) ?? '')?.[1],
    node: nodeOf(description.memo?.['nodeQueue']),
  };
}

function nodeOf(queue: unknown): string {
  return typeof queue === 'string' ? queue.replace(/^gitlab-runner-node-/, '') : '?';
}
