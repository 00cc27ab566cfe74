import { BOLD_CYAN, RESET } from '../colours.ts';
import type { BuildContext } from '../context/context.ts';
import type { StageName } from '../context/stage.ts';
import type { Variables } from '../variables/variables.ts';
import { projectUniqueName, shortToken } from '../context/names.ts';
import { formatRunnerLine } from '../trace/sections.ts';
import { readGitSettings } from './git-settings.ts';

/** Source: gitlab-runner `common/build.go` (GetStageDescription, executeBuildSection). */
const TITLES: ReadonlyMap<string, string> = new Map([
  ['resolve_secrets', 'Resolving secrets'],
  ['prepare_executor', 'Preparing the "docker" executor'],
  ['prepare_script', 'Preparing environment'],
  ['get_sources', 'Getting source from Git repository'],
  ['restore_cache', 'Restoring cache'],
  ['download_artifacts', 'Downloading artifacts'],
  ['after_script', 'Running after_script'],
  ['archive_cache', 'Saving cache for successful job'],
  ['archive_cache_on_failure', 'Saving cache for failed job'],
  ['upload_artifacts_on_success', 'Uploading artifacts for successful job'],
  ['upload_artifacts_on_failure', 'Uploading artifacts for failed job'],
  ['cleanup_file_variables', 'Cleaning up project directory and file based variables'],
]);

/** Formats the line with which the trace introduces a stage, in bold cyan. */
export function stageTitle(name: StageName): string {
  const title = TITLES.get(name) ?? `Executing "${name}" stage of the job script`;
  return formatRunnerLine('plain', `${BOLD_CYAN}${title}${RESET}`);
}

/**
 * Formats the first lines of a trace: the runner, flags that differ from their defaults, and
 * unusable settings. gitlab-runner puts all warnings into one line; here each has its own. Source:
 * gitlab-runner `common/build.go` (printRunningWithHeader, printSettingErrors).
 */
export function formatHeader(context: BuildContext, variables: Variables): string {
  const { program, runner, systemId } = context;
  const flags = variables.featureFlags.nonDefault.map(([name, isOn]) => `${name}:${isOn}`);
  return [
    ...[
      `Running with ${program.name} ${program.version} (${program.revision})`,
      `  on ${runner.name} ${shortToken(runner.token)}, system ID: ${systemId}`,
      ...(flags.length > 0 ? [`  feature flags: ${flags.join(', ')}`] : []),
    ].map((line) => formatRunnerLine('plain', line)),
    ...variables.warnings.map((line) => formatRunnerLine('warning', line)),
  ].join('');
}

/** Source: gitlab-runner `executors/docker/docker.go` (Prepare). */
export function formatImageLine(jobImageName: string): string {
  return formatRunnerLine('plain', `Using Docker executor with image ${jobImageName} ...`);
}

/**
 * Formats the output of a stage that runs without a container, in the words that its script would
 * print.
 */
export function formatRunnerStage(
  name: StageName,
  context: BuildContext,
  variables: Variables,
): string {
  switch (name) {
    case 'prepare_script':
      return formatRunnerLine('plain', hostLine(context));
    case 'get_sources':
      return sourcesLines(context, variables)
        .map((line) => formatRunnerLine('info', line))
        .join('');
    default:
      return '';
  }
}

function hostLine(context: BuildContext): string {
  const container = context.runner.docker.hostname || projectUniqueName(context);
  return `Running on ${container} via ${context.program.hostname}...`;
}

function sourcesLines(context: BuildContext, variables: Variables): readonly string[] {
  const { strategy } = readGitSettings(context, variables);
  const setUp =
    strategy === 'empty'
      ? 'Skipping Git repository setup and creating an empty build directory'
      : 'Skipping Git repository setup';
  return [setUp, 'Skipping Git checkout', 'Skipping Git submodules setup'];
}
