import type { Activities } from '../../../src/activities/index.ts';
import { outcomeOfStages } from '../../../src/domain/build/build-outcome.ts';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import type { BuildOutcome, StageOutcome } from '../../../src/domain/context/outcome.ts';
import { planStages } from '../../../src/domain/build/plan.ts';
import type { PlannedStage } from '../../../src/domain/context/stage.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { openProcess, type ProcessOptions } from './process.ts';
import type { World } from './world.ts';
import { openActivityCall } from '../../support/temporal/activity-call.ts';

/** Runs an activity as Temporal does it, without a server. */
export function runActivity<T>(work: () => Promise<T>): Promise<T> {
  return openActivityCall().run(work);
}

export interface Drive {
  readonly outcome: BuildOutcome;
  /** The number of port calls in the first process. */
  readonly calls: number;
  /** The names of the called functions, in order. */
  readonly called: readonly string[];
}

/**
 * Calls a build's activities in the order of the workflow. When the process dies, the next one
 * receives the same call again, as Temporal does it.
 */
export async function driveBuild(
  world: World,
  context: BuildContext,
  options: ProcessOptions = {},
): Promise<Drive> {
  const { buildId } = context;
  const first = openProcess(world, options);
  let process = first;
  const call = async <T>(work: (node: Activities['node']) => Promise<T>): Promise<T> => {
    for (;;) {
      const environment = openActivityCall();
      const { activities, died } = process;
      const activity = (): Promise<T> => work(activities.node);
      const answer = environment.run(activity).then((value) => ({ value }));
      const end = await Promise.race([answer, died]);
      if (end !== 'died') return end.value;
      environment.cancel('WORKER_SHUTDOWN');
      await answer.catch(() => undefined);
      process = openProcess(world);
    }
  };
  const run = (stage: PlannedStage): Promise<StageOutcome> =>
    call((node) => node.runStage({ buildId }, { stage, attempt: 1, jobStatus: 'running' }));

  await call((node) => node.beginBuild({ buildId }));
  const plan = planStages(context, buildVariables(context, { jobStatus: 'running' }));
  let last: StageOutcome = { kind: 'succeeded' };
  for (const stage of [...plan.preparation, ...plan.steps]) {
    if (last.kind === 'succeeded') last = await run(stage);
  }
  if (plan.afterScript !== undefined) await run(plan.afterScript);
  const lastCleanup = plan.cleansUpLast === true ? plan.cleanup : undefined;
  if (plan.cleanup !== undefined && lastCleanup === undefined) await run(plan.cleanup);
  const outcome = outcomeOfStages(last, undefined);
  await call((node) => node.reportResult({ buildId }, outcome, lastCleanup && [lastCleanup]));
  await call((node) => node.destroyEnvironment({ buildId }, lastCleanup));
  await call((node) => node.releaseBuild({ buildId }));
  return { outcome, calls: first.calls(), called: first.called };
}
