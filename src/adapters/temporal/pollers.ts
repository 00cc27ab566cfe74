import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';

/** A process that polled a task queue within the last minutes. */
export interface Poller {
  readonly identity: string;
  /** Its last poll, by Temporal's clock. It polls at least once a minute. */
  readonly lastPollMs: number;
}

const TIME_LIMIT_MS = 5_000;
const { TASK_QUEUE_TYPE_ACTIVITY } = proto.temporal.api.enums.v1.TaskQueueType;

/**
 * Lists the processes that poll for activities of this queue. A restarted server knows only later
 * polls.
 */
export async function readPollers(client: Client, queue: string): Promise<readonly Poller[]> {
  const { pollers } = await client.withDeadline(Date.now() + TIME_LIMIT_MS, () =>
    client.workflowService.describeTaskQueue({
      namespace: client.options.namespace,
      taskQueue: { name: queue },
      taskQueueType: TASK_QUEUE_TYPE_ACTIVITY,
    }),
  );
  return pollers.map(({ identity, lastAccessTime }) => ({
    identity: identity ?? '',
    lastPollMs: Number(lastAccessTime?.seconds ?? 0) * 1_000,
  }));
}
