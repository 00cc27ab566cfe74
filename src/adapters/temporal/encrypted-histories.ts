import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import proto from '@temporalio/proto';
import { errorMessage } from '../../domain/error-message.ts';
import type { Cipher } from '../state/cipher.ts';
import { createPayloadCodec, keyIdOf } from './codec.ts';
import { isNotFound } from './not-found.ts';
import { listWorkflowIds, openWorkflows } from './workflow-ids.ts';

const { WORKFLOW_EXECUTION_STATUS_RUNNING: RUNNING } =
  proto.temporal.api.enums.v1.WorkflowExecutionStatus;
/** How many of a history's newest events are inspected, besides its first. */
const NEWEST_EVENTS = 100;

/** Inspects histories from outside: nothing is written, and no worker is needed. */
export interface EncryptedHistories {
  /**
   * Returns why this node cannot continue a workflow; undefined when it can, or when no such
   * workflow is open.
   */
  findObstacle(workflowId: string): Promise<string | undefined>;
  listOpen(workflowType: string): Promise<readonly string[]>;
}

export function createEncryptedHistories(client: Client, cipher: Cipher): EncryptedHistories {
  const { namespace } = client.options;
  const codec = createPayloadCodec(cipher);

  const readHistory = async (workflowId: string): Promise<readonly unknown[]> => {
    const query = { namespace, execution: { workflowId } };
    const { workflowService } = client;
    const { workflowExecutionInfo } = await workflowService.describeWorkflowExecution(query);
    if (workflowExecutionInfo?.status !== RUNNING) return [];
    const [newest, first] = await Promise.all([
      workflowService.getWorkflowExecutionHistoryReverse({
        ...query,
        maximumPageSize: NEWEST_EVENTS,
      }),
      workflowService.getWorkflowExecutionHistory({ ...query, maximumPageSize: 1 }),
    ]);
    return [first.history, newest.history];
  };

  return {
    findObstacle: async (workflowId) => {
      const events = await readHistory(workflowId).catch((error: unknown) => {
        if (isNotFound(error)) return []; // There is nothing to lose.
        const message = `history of ${workflowId} not read from Temporal: ${errorMessage(error)}`;
        throw new Error(message, { cause: error });
      });
      for (const payload of onePayloadOfEachKey(events)) {
        const reason = await codec.decode([payload]).then(() => undefined, errorMessage);
        if (reason !== undefined) return reason;
      }
      return undefined;
    },
    listOpen: (workflowType) => listWorkflowIds(client, openWorkflows(workflowType)),
  };
}

/** Finds one payload for each key. Payloads can be anywhere in an event, depending on its type. */
function onePayloadOfEachKey(events: unknown): Iterable<Payload> {
  const found = new Map<string, Payload>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
    const keyId = 'metadata' in value ? keyIdOf(value as Payload) : undefined;
    if (keyId !== undefined) found.set(keyId, value);
    else Object.values(value).forEach(walk);
  };
  walk(events);
  return found.values();
}
