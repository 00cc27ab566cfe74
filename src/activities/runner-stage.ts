import type { StageOutcome } from '../domain/build/outcome.ts';
import { buildVariables } from '../domain/job/variables.ts';
import { formatRunnerStage } from '../domain/script/titles.ts';
import type { StageRequest } from './contract.ts';
import type { LiveBuild } from './live-builds.ts';

/** A stage that needs no container of its own: it only has something to say. */
export async function runInRunner(
  { context, trace }: LiveBuild,
  { stage }: StageRequest,
): Promise<StageOutcome> {
  const variables = buildVariables(context, { jobStatus: 'running' });
  await trace.appendOnce(`${stage.name}/text`, formatRunnerStage(stage.name, context, variables));
  return { kind: 'succeeded' };
}
