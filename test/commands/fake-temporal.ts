import type { Client } from '@temporalio/client';

/** A running workflow, as the client of a command finds it. */
export interface FakeWorkflow {
  readonly type: 'runBuild' | 'feedRunners';
  readonly id: string;
  readonly node?: string;
  readonly summary?: string;
  readonly details?: string;
  /** What a description of it fails with. */
  readonly fault?: Error;
  readonly startedAt?: Date;
  /** Answers to queries by name; absent while no worker answers. */
  readonly answers?: Readonly<Record<string, unknown>>;
  /** A worker's answer to an update. An error that it throws is thrown by the client too. */
  readonly update?: (name: string) => string;
}

/** A call that a command has sent to a workflow. */
export interface Sent {
  readonly to: string;
  readonly kind: 'signal' | 'update' | 'terminate';
  readonly name: string;
  readonly args: readonly unknown[];
}

export interface FakeTemporal {
  readonly client: Client;
  readonly sent: readonly Sent[];
  /** Time limits of calls in milliseconds. */
  readonly limitsMs: readonly number[];
}

interface Named {
  readonly name: string;
}

/** The few calls of Temporal's client that commands use. */
export function createFakeTemporal(workflows: readonly FakeWorkflow[]): FakeTemporal {
  const sent: Sent[] = [];
  const limitsMs: number[] = [];
  const getHandle = (id: string) => {
    const workflow = workflows.find((one) => one.id === id);
    const found = (): FakeWorkflow => {
      if (workflow === undefined) throw new Error(`workflow not found: ${id}`);
      return workflow;
    };
    const { node, answers, startedAt = new Date(0), summary, details, update } = workflow ?? {};
    return {
      describe: async () => {
        if (workflow?.fault !== undefined) throw workflow.fault;
        return {
          ...{ startTime: startedAt, memo: memoOf(node) },
          staticSummary: async () => summary,
          staticDetails: async () => details,
          workflowId: found().id,
        };
      },
      query: async ({ name }: Named) => {
        if (answers?.[name] === undefined) throw new Error('no worker answers');
        return answers[name];
      },
      signal: async ({ name }: Named, ...args: readonly unknown[]) => {
        sent.push({ to: found().id, kind: 'signal', name, args });
      },
      terminate: async (reason: string) => {
        sent.push({ to: found().id, kind: 'terminate', name: reason, args: [] });
      },
      executeUpdate: async ({ name }: Named, { args }: { readonly args: readonly unknown[] }) => {
        sent.push({ to: found().id, kind: 'update', name, args });
        return update?.(name) ?? '';
      },
    };
  };
  const matches = (query: string) =>
    workflows.filter(
      ({ type }) => query === `WorkflowType = '${type}' AND ExecutionStatus = 'Running'`,
    );
  async function* list({ query }: { readonly query: string }) {
    for (const { id, node } of matches(query)) yield { workflowId: id, memo: memoOf(node) };
  }
  const listWorkflowExecutions = async ({ query }: { readonly query: string }) => ({
    executions: matches(query).map(({ id }) => ({ execution: { workflowId: id } })),
    nextPageToken: new Uint8Array(),
  });
  const withDeadline = async (deadline: number, work: () => Promise<unknown>) => {
    limitsMs.push(deadline - Date.now());
    return work();
  };
  return {
    client: {
      ...{
        withDeadline,
        workflow: { list, getHandle },
        workflowService: { listWorkflowExecutions },
      },
      options: { namespace: 'default' },
    } as unknown as Client,
    ...{ sent, limitsMs },
  };
}

function memoOf(node: string | undefined): object | undefined {
  return node === undefined ? undefined : { nodeQueue: `gitlab-runner-node-${node}` };
}
