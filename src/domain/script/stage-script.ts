import { assert } from '../assert.ts';
import type { BuildContext } from '../context/context.ts';
import type { StageName } from '../context/stage.ts';
import { STAGE_MOUNTS } from './stage-mounts.ts';
import type { JobStep } from '../job/payload.ts';
import type { Variables } from '../variables/variables.ts';
import { cleanupBody } from './cleanup.ts';
import { sourcesBody } from './git-sources.ts';
import { listFilesBody } from './list-files.ts';
import { removeListedBody } from './remove-listed.ts';
import { afterScriptBody, stepBody } from './user-script.ts';
import { maxOutputBytes } from './output-limit.ts';
import { writeVariableFiles } from './variable-files.ts';
import { shellOptions, wrapStage, type StagePaths } from './wrapper.ts';

/** A stage and the facts that its script depends on. */
export interface StageScriptInput {
  readonly context: BuildContext;
  /** Variables with the CI_JOB_STATUS that the stage sees. */
  readonly variables: Variables;
  readonly stage: StageName;
  /** 1 for the first attempt of the stage. A script that is repeated within it has the same. */
  readonly attempt: number;
  /** Distinguishes this run of the stage from every other; see `parseStageState`. */
  readonly nonce: string;
  /** `uid:gid` of the owner of the sources; undefined: every user has access. */
  readonly owner?: string | undefined;
  /** Whether the stage marks its container's own log: see `wrapStage`. */
  readonly marksLog?: boolean | undefined;
  /** The stage's files in the container; STAGE_MOUNTS except in tests. */
  readonly paths?: StagePaths;
}

/**
 * Formats the whole script file of one stage, for any POSIX shell. Throws for a stage without a
 * script, which is a bug: such a stage is never planned.
 */
export function formatStageScript(input: StageScriptInput): string {
  const { context, variables, nonce, paths = STAGE_MOUNTS } = input;
  const lines = [
    ...shellOptions(),
    ...(runsCommandsOfJob(input.stage) ? writeVariableFiles(variables) : []),
    // Not before the files, whose contents must not be printed.
    ...(variables.flag('CI_DEBUG_TRACE', false) ? ['set -o xtrace'] : []),
    ...(input.stage === 'wait_for_terminal' ? IDLE_BODY : bodyOf(input)),
  ];
  return wrapStage(`${lines.join('\n')}\n`, {
    paths,
    nonce,
    maxOutputBytes: maxOutputBytes(context.runner.outputLimitBytes),
    marksLog: input.marksLog === true,
  });
}

/** Whether a stage runs commands of the job, which may read its file variables. */
function runsCommandsOfJob(stage: StageName): boolean {
  return stage === 'get_sources' || stage === 'after_script' || stage.startsWith('step_');
}

function bodyOf(input: StageScriptInput): readonly string[] {
  const { context, variables, stage } = input;
  switch (stage) {
    case 'get_sources':
      return sourcesBody(context, variables, input);
    case 'cleanup_file_variables':
      return cleanupBody(context, variables);
    case 'archive_cache':
    case 'archive_cache_on_failure':
    case 'upload_artifacts_on_success':
    case 'upload_artifacts_on_failure':
      return listFilesBody({ context, variables }, stage);
    case 'restore_cache':
      return removeListedBody(variables);
    case 'after_script':
      return afterScriptBody(context, variables, stepOf(context, stage));
    default:
      assert(stage.startsWith('step_'), `stage ${stage} has no script`);
      return stepBody(context, variables, stepOf(context, stage.slice('step_'.length)));
  }
}

/**
 * Keeps the container running until it is stopped. Some versions of `sleep` do not accept a longer
 * time.
 */
const IDLE_BODY = ['while sleep 3600; do :; done'];

function stepOf({ job }: BuildContext, lowerCaseName: string): JobStep {
  const step = job.steps.find(({ name }) => name.toLowerCase() === lowerCaseName);
  assert(step !== undefined, `the job has no step ${lowerCaseName}`);
  return step;
}
