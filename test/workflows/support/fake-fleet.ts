import { Context } from '@temporalio/activity';
import { Worker } from '@temporalio/worker';
import { NODE_PROTOCOL } from '../../../src/domain/context/stage.ts';
import type { FleetActivities } from '../../../src/activities/contract.ts';
import { ORCHESTRATION_QUEUE, SLOTS_QUEUE } from '../../../src/workflows/messages.ts';
import type { FakeNode } from './fake-node.ts';
import type { World } from './world.ts';

/** The activities of nodes for builds of other nodes. */
export interface FakeFleet {
  /** From now on this node can take over this build. At first no node can. */
  add(buildId: string, node: Pick<FakeNode, 'queue' | 'calls'>): void;
  end(): Promise<void>;
}

export async function startFakeFleet({ connection }: World): Promise<FakeFleet> {
  const nodes = new Map<string, Pick<FakeNode, 'queue' | 'calls'>>();
  const find = (): Pick<FakeNode, 'queue' | 'calls'> => {
    const node = nodes.get(Context.current().info.workflowExecution?.workflowId ?? '');
    if (node === undefined) throw new Error('nobody is there');
    return node;
  };
  const activities: FleetActivities = {
    witnessLoss: async () => {
      const { calls, queue } = find();
      calls.add('witnessLoss');
      return Promise.resolve({ nodeQueue: queue });
    },
    adoptBuild: async ({ purpose, term, fromQueue }) => {
      const { calls, queue } = find();
      calls.add(`adoptBuild ${purpose} ${term}`);
      return Promise.resolve(
        fromQueue === queue
          ? { kind: 'own' }
          : { kind: 'adopted', nodeQueue: queue, protocol: NODE_PROTOCOL },
      );
    },
  };
  const workers = await Promise.all(
    [ORCHESTRATION_QUEUE, SLOTS_QUEUE].map((taskQueue) =>
      Worker.create({ connection, taskQueue, activities: { ...activities } }),
    ),
  );
  const running = Promise.all(workers.map((worker) => worker.run()));
  return {
    add: (buildId, node) => void nodes.set(buildId, node),
    end: async () => {
      for (const worker of workers) worker.shutdown();
      await running;
    },
  };
}
