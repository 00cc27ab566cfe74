import type { Client } from '@temporalio/client';
import { listWorkflowIds, openWorkflows } from '../adapters/temporal/workflow-ids.ts';
import { isDisabled } from '../domain/runner/health.ts';
import type { FleetState, RunnerSettings } from '../domain/runner/fleet.ts';
import { feedRunnersId, fleetStateQuery } from '../workflows/messages.ts';
import { QUERY_LIMIT_MS } from './builds.ts';

/** A node that asks for jobs, as Temporal shows it. */
export interface SeenNode {
  readonly node: string;
  /** undefined while no worker answers for it. */
  readonly fleet: FleetState | undefined;
}

/** Lists every node of the namespace that asks for jobs, by name. */
export async function listNodes(client: Client): Promise<readonly SeenNode[]> {
  const ids = await listWorkflowIds(client, openWorkflows('feedRunners'));
  const nodes = ids.map((id) => seeNode(client, id.replace(/^feed-runners\//, '')));
  const all = await Promise.all(nodes);
  return all.toSorted((a, b) => (a.node < b.node ? -1 : 1));
}

export async function seeNode(client: Client, node: string): Promise<SeenNode> {
  const handle = client.workflow.getHandle(feedRunnersId(node));
  const fleet = await client
    .withDeadline(Date.now() + QUERY_LIMIT_MS, () => handle.query(fleetStateQuery))
    .catch(() => undefined);
  return { node, fleet };
}

/** Returns why a runner of a node does not ask for jobs now; undefined while it does. */
export function restOf(
  { isDraining, paused, health }: FleetState,
  runner: RunnerSettings,
  nowMs = Date.now(),
): string | undefined {
  if (isDraining) return 'drained';
  if (paused.includes(runner.key)) return 'paused';
  return isDisabled(health[runner.key], runner, nowMs) ? 'refused by GitLab' : undefined;
}

/** Returns the runner with this name or key. The error lists the runners that exist. */
export function chooseRunner({ settings }: FleetState, wanted: string): RunnerSettings {
  const { runners } = settings;
  const found = runners.filter(({ name, key }) => key === wanted || name === wanted);
  const [first, ...others] = found;
  if (first === undefined) {
    const names = runners.map(({ name }) => JSON.stringify(name)).join(', ');
    throw new Error(
      `no runner ${JSON.stringify(wanted)} on this node: ${names === '' ? 'it has none' : `there is ${names}`}`,
    );
  }
  if (others.length > 0) {
    const keys = found.map(({ key }) => key).join(', ');
    throw new Error(
      `${found.length} runners are named ${JSON.stringify(wanted)}: name one by its key, ${keys}`,
    );
  }
  return first;
}
