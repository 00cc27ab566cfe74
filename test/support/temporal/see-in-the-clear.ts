import assert from 'node:assert/strict';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { Payload } from '@temporalio/common';

/** Returns what a reader without the key sees. Its client has no codec. */
export async function seeInTheClear(
  client: Client,
  least: number,
): Promise<readonly SeenWorkflow[]> {
  const { workflowService, options } = client;
  const { executions } = await workflowService.listWorkflowExecutions(options);
  assert.ok(executions.length > least);
  return Promise.all(
    executions.map(async (listed) => {
      const handle = client.workflow.getHandle(listed.execution?.workflowId ?? '');
      // `handle.describe` would decode the memo, which is encrypted.
      const { executionConfig } = await workflowService.describeWorkflowExecution({
        ...{ namespace: client.options.namespace, execution: listed.execution ?? null },
      });
      const textOf = (payload: Payload | null | undefined): string =>
        Buffer.from(payload?.data ?? []).toString();
      const type = listed.type?.name;
      return {
        workflowId: handle.workflowId,
        summary: textOf(executionConfig?.userMetadata?.summary),
        details: textOf(executionConfig?.userMetadata?.details),
        metadata: await handle.query<WorkflowMetadata>('__temporal_workflow_metadata'),
        ...(type !== 'serveRunner' && { answer: await handle.query('status') }),
        ...(type === 'runBuild' && { stages: await handle.query('stages') }),
        failure: await failureOf(handle),
      };
    }),
  );
}

interface WorkflowMetadata {
  readonly currentDetails?: string;
}

export interface SeenWorkflow {
  readonly workflowId: string;
  readonly summary: string;
  readonly details: string;
  readonly metadata: WorkflowMetadata;
  readonly failure: string;
}

async function failureOf(handle: WorkflowHandle): Promise<string> {
  const { events } = await handle.fetchHistory();
  const failed = events?.at(-1)?.workflowExecutionFailedEventAttributes?.failure;
  return `${failed?.applicationFailureInfo?.type}: ${failed?.message}`;
}
