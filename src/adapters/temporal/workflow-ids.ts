import type { Client } from '@temporalio/client';

/** The query of Temporal's visibility for the open workflows of a type. */
export function openWorkflows(workflowType: string): string {
  return `WorkflowType = '${workflowType}' AND ExecutionStatus = 'Running'`;
}

/**
 * Lists the ids of the workflows that match a query of Temporal's visibility. `client.workflow.list`
 * decrypts the memo of each workflow, and fails for one of a node whose keys are not here.
 */
export async function listWorkflowIds(
  { workflowService, options: { namespace } }: Client,
  query: string,
): Promise<readonly string[]> {
  const ids: string[] = [];
  let nextPageToken: Uint8Array | undefined;
  do {
    const request = { namespace, query, ...(nextPageToken && { nextPageToken }) };
    const page = await workflowService.listWorkflowExecutions(request);
    ids.push(...page.executions.map(({ execution }) => execution?.workflowId ?? ''));
    ({ nextPageToken } = page);
  } while (nextPageToken.length > 0);
  return ids;
}
