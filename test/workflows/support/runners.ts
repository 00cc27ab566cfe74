import type { WorkflowHandle } from '@temporalio/client';
import type { Feeding, FleetSettings, RunnerSettings } from '../../../src/domain/runner/fleet.ts';
import type { feedRunners } from '../../../src/workflows/feed-runners.ts';
import {
  feedRunnersId,
  ORCHESTRATION_QUEUE,
  runnerStateQuery,
  serveRunnerId,
  type RunnerState,
} from '../../../src/workflows/messages.ts';
import type { serveRunner } from '../../../src/workflows/serve-runner.ts';
import { initialFeedRunnersState, initialServeRunnerState } from '../../../src/workflows/states.ts';
import type { World } from './world.ts';

export type RunnerHandle = WorkflowHandle<typeof serveRunner>;
export type FleetHandle = WorkflowHandle<typeof feedRunners>;

export const FED: Feeding = {
  isFed: true,
  intervalMs: 200,
  offsetMs: 0,
  limit: 0,
  requestConcurrency: 1,
  mayWait: false,
};

/** Starts a runner whose key is its name. */
export function startRunner(
  { client }: World,
  name: string,
  feeding: Feeding = FED,
): Promise<RunnerHandle> {
  const runner = { name, key: name };
  return client.start<typeof serveRunner>('serveRunner', {
    workflowId: serveRunnerId('test', runner),
    taskQueue: ORCHESTRATION_QUEUE,
    args: [initialServeRunnerState({ runner, feeding, feederId: 'nobody' })],
  });
}

export function runnerSettings(name: string, change: Partial<RunnerSettings> = {}): RunnerSettings {
  return {
    key: name,
    name,
    limit: 0,
    requestConcurrency: 1,
    unhealthyRequestsLimit: 3,
    unhealthyIntervalMs: 3_600_000,
    ...change,
  };
}

export function fleetOf(...runners: readonly RunnerSettings[]): FleetSettings {
  return { checkIntervalMs: 200, concurrent: 1, runners };
}

export function startFleet(
  { client }: World,
  installation: string,
  configQueue: string,
): Promise<FleetHandle> {
  return client.start<typeof feedRunners>('feedRunners', {
    workflowId: feedRunnersId(installation),
    taskQueue: ORCHESTRATION_QUEUE,
    args: [initialFeedRunnersState(installation, configQueue)],
  });
}

export function runnerOf(
  { client }: World,
  installation: string,
  runner: { readonly name: string; readonly key: string },
): RunnerHandle {
  return client.getHandle<typeof serveRunner>(serveRunnerId(installation, runner));
}

/**
 * Queries the state of a runner until it is as wanted. For counts and flags, which no activity shows.
 */
export async function untilState(
  runner: RunnerHandle,
  isWanted: (state: RunnerState) => boolean,
): Promise<RunnerState> {
  const limitMs = Date.now() + 120_000;
  for (;;) {
    const state = await runner.query(runnerStateQuery);
    if (isWanted(state)) return state;
    if (Date.now() > limitMs) throw new Error(`still not as wanted: ${JSON.stringify(state)}`);
  }
}
