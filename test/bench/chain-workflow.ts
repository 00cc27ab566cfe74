import { proxyActivities } from '@temporalio/workflow';

/** Does nothing, on a worker. */
export interface ChainActivities {
  rest(): Promise<void>;
}

const { rest } = proxyActivities<ChainActivities>({ startToCloseTimeout: '1 minute' });

/** Activities that do nothing, one after the other: what Temporal itself takes for a build's. */
export async function chain(links: number): Promise<void> {
  for (let left = links; left > 0; left -= 1) await rest();
}
