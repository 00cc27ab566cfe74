import type { BuildContext } from '../context/context.ts';
import type { JobStep } from '../job/payload.ts';
import type { Variables } from '../variables/variables.ts';
import { formatCommands, type CommandStyle } from './commands.ts';
import { envFile, ENV_FILE_PREFIX, exportForJob } from './exports.ts';
import { exportGlobalGitConfig } from './git-files.ts';
import { command, quote } from './quote.ts';
import { sayNotice, sayWarning } from './say.ts';

/**
 * Body of a step, which runs in the job's container. The configuration's scripts before and after
 * it share its shell. Source: gitlab-runner `shells/abstract.go` (writeUserScript).
 */
export function stepBody(
  context: BuildContext,
  variables: Variables,
  step: JobStep,
): readonly string[] {
  const { preBuildScript, postBuildScript } = context.runner;
  const style = commandStyle(context, variables);
  // GitLab makes a step of the `release` keyword, with texts that a shell must not expand.
  const script = step.name === 'release' ? step.script.map(variables.expand) : step.script;
  return [
    ...prologue(context, variables),
    ...formatCommands('pre_build_script', present(preBuildScript), style),
    ...formatCommands('script_step', script, style),
    ...formatCommands('post_build_script', present(postBuildScript), style),
  ];
}

/** Body of `after_script`. Source: gitlab-runner `shells/abstract.go` (writeAfterScript). */
export function afterScriptBody(
  context: BuildContext,
  variables: Variables,
  step: JobStep,
): readonly string[] {
  return [
    ...prologue(context, variables),
    sayNotice('Running after script...'),
    ...formatCommands('after_script_step', step.script, commandStyle(context, variables)),
  ];
}

/** Returns the style in which the job's commands are printed. */
export function commandStyle({ job }: BuildContext, { featureFlags }: Variables): CommandStyle {
  return {
    hasSections: featureFlags.isOn('FF_SCRIPT_SECTIONS') && job.features.trace_sections,
    checksExitCodes: featureFlags.isOn('FF_ENABLE_BASH_EXIT_CODE_CHECK'),
  };
}

/** Returns a text of the configuration as a list of commands. An empty text is no command. */
export function present(script: string): readonly string[] {
  return script === '' ? [] : [script];
}

function prologue(context: BuildContext, variables: Variables): readonly string[] {
  return [
    // Created before the variables are set, because PATH may be one of them and lack these
    // commands.
    ...makeEnvFile(context, variables),
    ...exportForJob(variables),
    ...readEnvFile(envFile(context, variables)),
    ...exportGlobalGitConfig(variables),
    command('cd', variables.projectDir),
  ];
}

function makeEnvFile(context: BuildContext, variables: Variables): readonly string[] {
  const file = envFile(context, variables);
  const others = `${quote(variables.tempDir)}/${ENV_FILE_PREFIX}*`;
  return [
    `for _runner_file in ${others}; do`,
    `  if [ -f "$_runner_file" ] && [ "$_runner_file" != ${quote(file)} ]; then`,
    '    rm -f "$_runner_file"',
    '  fi',
    'done',
    `if [ ! -e ${quote(file)} ]; then : >${quote(file)}; fi`,
  ];
}

/**
 * Reads lines of `KEY=value` literally. gitlab-runner fails at the first malformed line; here such
 * a line is skipped with a warning.
 */
function readEnvFile(file: string): readonly string[] {
  return [
    `export GITLAB_ENV=${quote(file)}`,
    'while IFS=\' \t\' read -r _runner_line || [ -n "$_runner_line" ]; do',
    '  case ${_runner_line%%=*} in',
    "    '') ;;",
    '    [0-9]*|*[!A-Za-z0-9_]*)',
    `      ${sayWarning('a line of the GITLAB_ENV file is not KEY=value, ignored')} ;;`,
    '    *) export "$_runner_line" ;;',
    '  esac',
    `done <${quote(file)}`,
    'unset _runner_line _runner_file',
  ];
}
