import { proxyActivities } from '@temporalio/workflow';

/** Does nothing, on a worker. */
export interface ChainActivities {
  rest(): Promise<void>;
}

const { rest } = proxyActivities<ChainActivities>({ startToCloseTimeout: '1 minute' });

/**
 * Runs activities that do nothing, one after another. They take the time that Temporal itself needs
 * for the activities of a build.
 */
export async function chain(links: number): Promise<void> {
  for (let left = links; left > 0; left -= 1) await rest();
}
