import type { StageOutcome } from '../domain/build/outcome.ts';
import { formatRunnerStage } from '../domain/script/titles.ts';
import { buildVariables } from '../domain/job/variables.ts';
import type { StageRequest } from './contract.ts';
import type { LiveBuild } from './live-builds.ts';
import type { Ports } from './ports.ts';

/** A stage that needs no container of its own: it only has something to say. */
export async function runInRunner(
  build: LiveBuild,
  { stage }: StageRequest,
  _ports: Ports,
): Promise<StageOutcome> {
  const { context, trace } = build;
  const variables = buildVariables(context, { jobStatus: 'running' });
  await trace.appendOnce(`${stage.name}/text`, formatRunnerStage(stage.name, context, variables));
  return { kind: 'succeeded' };
}
