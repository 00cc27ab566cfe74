import { stepStageName } from '../../domain/build/plan.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import type { StageName } from '../../domain/context/stage.ts';
import { formatPolicy } from '../../domain/script/policy.ts';
import { formatRunnerStage, stageTitle } from '../../domain/script/titles.ts';
import { formatSectionEnd, formatSectionStart } from '../../domain/trace/sections.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { Ports } from '../../ports/index.ts';
import type { StageRequest } from '../contract.ts';
import { stageKey } from './container-stage.ts';
import type { LiveBuild } from './live-builds.ts';

interface PrintedStage extends Pick<StageRequest, 'stage' | 'attempt'> {
  readonly ports: Pick<Ports, 'clock'>;
}

/**
 * Prints all lines of a stage that runs nothing, or nothing with an output. A repeated call prints
 * nothing twice.
 */
export async function printStage(
  { context, trace }: LiveBuild,
  { stage: { name }, attempt, ports }: PrintedStage,
): Promise<void> {
  const { begin, end } = sectionLinesOf(context, name, ports);
  const variables = buildVariables(context, { jobStatus: 'running' });
  const lines = formatRunnerStage(name, context, variables);
  await trace.appendOnce(stageKey({ name, attempt }), begin() + lines + end());
}

/** Returns what is printed before and after the output of a stage. */
export function sectionLinesOf(
  context: BuildContext,
  name: StageName,
  { clock }: Pick<Ports, 'clock'>,
) {
  const hasSections = context.job.features.trace_sections;
  return {
    begin: (): string =>
      linesBefore(context, name) +
      formatSectionStart(name, clock.nowMs(), hasSections) +
      stageTitle(name),
    end: (): string => formatSectionEnd(name, clock.nowMs(), hasSections),
  };
}

/** Like gitlab-runner, prints the policy right before the first of the user's own scripts. */
function linesBefore({ job }: BuildContext, name: StageName): string {
  const first = job.steps.find((step) => step.script.length > 0 && step.name !== 'after_script');
  return first && stepStageName(first) === name ? formatPolicy(job.policy_options) : '';
}
