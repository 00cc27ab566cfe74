import { parseAssignments } from '../assignments.ts';
import type { Variables } from '../variables/variables.ts';
import type { BuildContext } from '../context/context.ts';
import { quote } from './quote.ts';

/** Names that some shells reserve. Such a shell exits when one gets a value that it refuses. */
const KEPT_BY_SHELLS: ReadonlySet<string> = new Set([
  'BASHOPTS',
  'BASH_VERSINFO',
  'EUID',
  'HISTCMD',
  'LINENO',
  'OPTIND',
  'PPID',
  'RANDOM',
  'SHELLOPTS',
  'SRANDOM',
  'UID',
]);

/**
 * Variables that a job must not set in the helper, which runs the runner's own commands as root.
 * They would load other code, replace its programs, or point git to another repository or to a home
 * that an earlier job could have written. As in gitlab-runner, a job may set everything else:
 * proxies, GIT_SSH_COMMAND, GIT_CONFIG_COUNT and the like are in use, and affect only the job's own
 * sources.
 */
const NOT_FOR_HELPER: ReadonlySet<string> = new Set([
  'BASHOPTS',
  'BASH_ENV',
  'ENV',
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_COMMON_DIR',
  'GIT_CONFIG',
  'GIT_DIR',
  'GIT_EXEC_PATH',
  'GIT_INDEX_FILE',
  'GIT_NAMESPACE',
  'GIT_OBJECT_DIRECTORY',
  'GIT_TEMPLATE_DIR',
  'GIT_WORK_TREE',
  'HOME',
  'IFS',
  'PATH',
  'PS4',
  'SHELLOPTS',
  'XDG_CONFIG_HOME',
]);

/** Script lines that export the variables to the job's own commands. */
export function exportForJob(variables: Variables): readonly string[] {
  return parseAssignments(variables.environment()).map(exportLine);
}

/** Script lines that export the variables to the runner's commands and to hooks. */
export function exportForHelper(variables: Variables): readonly string[] {
  return parseAssignments(helperEnvironment(variables)).map(exportLine);
}

/** Returns `KEY=value` for every variable that the helper may see. */
export function helperEnvironment(variables: Variables): readonly string[] {
  return variables.environment().filter((line) => {
    const name = line.slice(0, line.indexOf('='));
    return !NOT_FOR_HELPER.has(name) && !name.startsWith('LD_');
  });
}

function exportLine([name, value]: readonly [name: string, value: string]): string {
  const assignment = `export ${name}=${quote(value)}`;
  return KEPT_BY_SHELLS.has(name)
    ? `if ( ${assignment} ) 2>/dev/null; then ${assignment} 2>/dev/null; fi`
    : assignment;
}

/**
 * Returns the path of the GITLAB_ENV file, through which scripts of a job pass variables to later
 * ones. Its name is unique to the build, so a file of an earlier job is never read.
 */
export function envFile({ entropy }: BuildContext, { tempDir }: Variables): string {
  return `${tempDir}/${ENV_FILE_PREFIX}${entropy}`;
}

/** Prefix of the names of these files. */
export const ENV_FILE_PREFIX = 'gitlab_runner_env_';
