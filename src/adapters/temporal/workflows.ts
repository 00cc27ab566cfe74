import {
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  type Client,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { ApplicationFailure, rootCause } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { Workflows, WorkflowStart, WorkflowStatus } from '../../ports/workflows.ts';
import { isNotFound } from './not-found.ts';

const { WorkflowExecutionStatus: Status } = proto.temporal.api.enums.v1;

export interface WorkflowsOptions {
  /**
   * A call that has no answer after this time fails. Without a limit a call takes as long as
   * Temporal does.
   */
  readonly limitMs?: number;
}

/** Creates access to Temporal's workflows by its client. */
export function createWorkflows(client: Client, { limitMs }: WorkflowsOptions = {}): Workflows {
  const limited = <T>(call: () => Promise<T>): Promise<T> =>
    limitMs === undefined ? call() : client.withDeadline(Date.now() + limitMs, call);
  return {
    start: async (start) => {
      try {
        await limited(() => client.workflow.start(...callOf(start)));
        return true;
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
        throw error;
      }
    },
    signalWithStart: async (start, { name, args }) => {
      const [type, options] = callOf(start);
      const signal = { signal: name, signalArgs: [...args] };
      await limited(() => client.workflow.signalWithStart(type, { ...options, ...signal }));
    },
    signal: async (workflowId, { name, args }) => {
      const handle = client.workflow.getHandle(workflowId);
      const signaling = () => limited(() => handle.signal(name, ...args));
      return (await unlessUnknown(() => signaling().then(() => true))) ?? false;
    },
    describe: async (workflowId) => {
      const handle = client.workflow.getHandle(workflowId);
      const description = await unlessUnknown(() => limited(() => handle.describe()));
      return (
        description && {
          status: statusOf(description.status.code),
          memo: description.memo,
          startedAtMs: description.startTime.getTime(),
        }
      );
    },
    statusOf: (workflowId) => limited(() => askStatus(client, workflowId)),
    resultOf: (workflowId) => limited(() => readResult(client, workflowId)),
    failureOf: (workflowId) => limited(() => readFailure(client, workflowId)),
    cancel: async (workflowId) => {
      await unlessUnknown(() => limited(() => client.workflow.getHandle(workflowId).cancel()));
    },
  };
}

function callOf({ type, reuse, args, ...options }: WorkflowStart): [string, WorkflowStartOptions] {
  const workflowIdReusePolicy = reuse === 'reject' ? 'REJECT_DUPLICATE' : 'ALLOW_DUPLICATE';
  const workflowIdConflictPolicy = reuse === 'use_existing' ? 'USE_EXISTING' : 'FAIL';
  const ids = { workflowIdReusePolicy, workflowIdConflictPolicy } as const;
  return [type, { ...options, ...ids, args: [...args] }];
}

async function unlessUnknown<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** Asks for the status without a handle, because that would decrypt the memo. */
async function askStatus(client: Client, workflowId: string): Promise<WorkflowStatus | undefined> {
  const { namespace } = client.options;
  try {
    const { workflowExecutionInfo } = await client.workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId },
    });
    return statusOf(workflowExecutionInfo?.status);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function readResult(client: Client, workflowId: string): Promise<unknown> {
  try {
    return await client.workflow.getHandle(workflowId).result();
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return error.cause instanceof ApplicationFailure ? error.cause.details?.[0] : undefined;
  }
}

async function readFailure(client: Client, workflowId: string): Promise<string | undefined> {
  try {
    await client.workflow.getHandle(workflowId).result();
    return undefined;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return rootCause(error.cause);
  }
}

function statusOf(code: number | null | undefined): WorkflowStatus {
  switch (code) {
    case Status.WORKFLOW_EXECUTION_STATUS_RUNNING:
      return 'running';
    case Status.WORKFLOW_EXECUTION_STATUS_COMPLETED:
      return 'completed';
    case Status.WORKFLOW_EXECUTION_STATUS_FAILED:
      return 'failed';
    case Status.WORKFLOW_EXECUTION_STATUS_CANCELED:
      return 'canceled';
    default:
      return 'ended';
  }
}
