import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { Client, Connection, type WorkflowClient } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { Fault, Scene } from './faults.ts';
import type { FakeJob } from '../fake-gitlab/types.ts';
import type { Installation } from '../installation.ts';
import { whenReady } from '../runner-process.ts';

// In these faults a person changes workflows in the Temporal UI. Like the UI, the test does not use
// the runner's key.

const { EventType, HistoryEventFilterType } = proto.temporal.api.enums.v1;
type Events = proto.temporal.api.history.v1.IHistoryEvent[];

/** Calls a function with a client for the namespace of an installation. */
export async function inTemporal<T>(
  installation: Installation,
  act: (client: Client) => Promise<T>,
): Promise<T> {
  const { temporal: address, namespace } = await whenReady(installation.runner);
  const connection = await Connection.connect({ address });
  try {
    return await act(new Client({ connection, namespace }));
  } finally {
    await connection.close();
  }
}

/** Waits until a workflow has ended, however it did. Its result may be encrypted, so it is not read. */
export async function whenClosed({ workflowService, options }: Client, id: string): Promise<void> {
  await workflowService.getWorkflowExecutionHistory({
    ...{ namespace: options.namespace, execution: { workflowId: id }, waitNewEvent: true },
    historyEventFilterType: HistoryEventFilterType.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
  });
}

export function buildId({ gitlab }: Installation, { id, token }: FakeJob): string {
  const key = createHash('sha256').update(token).digest('hex').slice(0, 12);
  return `build/${new URL(gitlab.url).host}/${key}/${id}`;
}

/** Returns the id of the node's `feedRunners` workflow. */
export async function feederId(installation: Installation): Promise<string> {
  const { task_queue: queue } = await whenReady(installation.runner);
  return `feed-runners/${queue.replace('gitlab-runner-node-', '')}`;
}

export async function serverIds(installation: Installation): Promise<readonly string[]> {
  const prefix = (await feederId(installation)).replace('feed-runners/', 'serve-runner/');
  return inTemporal(installation, async (client) => {
    const { namespace } = client.options;
    const { executions } = await client.workflowService.listWorkflowExecutions({ namespace });
    const ids = executions.map(({ execution }) => execution?.workflowId ?? '');
    return [...new Set(ids)].filter((id) => id.startsWith(`${prefix}/`));
  });
}

/** The point in a build's history to which a person resets it. */
export type ResetPoint = 'its beginning' | 'before its script' | 'its last step';

/** Resets the workflow of the job. A new run takes over the history up to the point. */
export function resetBuild(point: ResetPoint): Fault {
  const runIds: string[] = [];
  return {
    name: `workflow reset by a person to ${point}`,
    strike: () => undefined,
    mend: ({ installation, job }) =>
      inTemporal(installation, async (client) => {
        const workflowId = buildId(installation, job);
        runIds.push(await reset(client, workflowId, point));
      }),
    confirm: () => assert.equal(runIds.length, 1),
  };
}

async function reset(client: Client, workflowId: string, point: ResetPoint): Promise<string> {
  const { namespace } = client.options;
  const { workflowExecutionInfo } = await client.workflowService.describeWorkflowExecution({
    namespace,
    execution: { workflowId },
  });
  const runId = workflowExecutionInfo?.execution?.runId ?? '';
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const answer = await client.workflowService.resetWorkflowExecution({
    ...{ namespace, workflowExecution: { workflowId, runId }, reason: 'a person wants it' },
    ...{ requestId: randomUUID(), workflowTaskFinishEventId: findPoint(events ?? [], point) },
  });
  return answer.runId;
}

/**
 * Returns the id of a completed workflow task, because a workflow can be reset only to such a task.
 */
function findPoint(events: Events, point: ResetPoint) {
  const steps = events.filter(
    ({ eventType }) => eventType === EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
  );
  const script = events.findIndex(isScript);
  const before = steps.filter((step) => events.indexOf(step) < script);
  const found = {
    'its beginning': steps.at(0),
    // The workflow task that hands the script to the node runs again.
    'before its script': before.at(-1),
    'its last step': steps.at(-1),
  }[point];
  assert.ok(found?.eventId != null, `no step to be reset to among ${events.length} events`);
  return found.eventId;
}

/**
 * Returns whether the event begins the script. At the moment of these faults the script is the last
 * stage that has begun.
 */
function isScript(event: Events[number], index: number, events: Events): boolean {
  return (
    event.eventType === EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED &&
    event.activityTaskScheduledEventAttributes?.activityType?.name === 'runStage' &&
    !events
      .slice(index + 1)
      .some((next) => next.activityTaskScheduledEventAttributes?.activityType?.name === 'runStage')
  );
}

/** Deletes the workflow of the job with its history. */
export function deleteBuild(): Fault {
  return {
    name: 'workflow deleted by a person',
    strike: () => undefined,
    mend: ({ installation, job }) =>
      inTemporal(installation, async (client) => {
        const { namespace } = client.options;
        await client.workflowService.deleteWorkflowExecution({
          namespace,
          workflowExecution: { workflowId: buildId(installation, job) },
        });
      }),
  };
}

/** Returns a fault that terminates long-lived workflows of the node. */
export function terminate(
  name: string,
  idsOf: (installation: Installation) => Promise<readonly string[]>,
): Fault {
  return {
    name: `${name} terminated by a person`,
    strike: () => undefined,
    mend: async ({ installation }) => {
      const ids = await idsOf(installation);
      assert.ok(ids.length > 0);
      await inTemporal(installation, async ({ workflow }) => {
        for (const id of ids) await workflow.getHandle(id).terminate('a person wants it');
      });
    },
  };
}

export type Sender = (workflow: WorkflowClient, scene: Scene) => Promise<void>;

/** Returns a fault that sends signals, which anybody with write access to the namespace can do. */
export function signals(name: string, send: Sender): Fault {
  return {
    name,
    strike: () => undefined,
    mend: (scene) => inTemporal(scene.installation, ({ workflow }) => send(workflow, scene)),
  };
}
