import { STAGE_MOUNTS } from './stage-mounts.ts';

/** In this order. Source: gitlab-runner `shells/bash.go` (BashDetectShellScript). */
const SHELLS = [
  '/usr/local/bin/bash',
  '/usr/bin/bash',
  '/bin/bash',
  '/usr/local/bin/sh',
  '/usr/bin/sh',
  '/bin/sh',
  '/busybox/sh',
];

/** Variables by which a shell would run something before it reads the script. */
const SHELL_STARTUP_VARIABLES = ['BASH_ENV', 'ENV'];

/**
 * Command of the job's container: hands the stage's script to the first shell that the image has.
 * The same for every stage: the script's file is filled anew before each start. As in the peer the
 * script is the shell's stdin: the shell goes by its own name, and no file is the script's source.
 */
export function buildCommand(): readonly string[] {
  return ['sh', '-c', `${runScript()}\n`];
}

/**
 * Command of the helper's container. What it writes must be open to the job's container, whoever
 * runs there; with a umask as usual it is given to that user instead. Source: gitlab-runner `dockerfiles/runner-helper` (gitlab-runner-build).
 */
export function helperCommand({ hasUmask }: { readonly hasUmask: boolean }): readonly string[] {
  const umask = hasUmask ? '' : 'umask 0000\n';
  return ['sh', '-c', `${umask}unset ${SHELL_STARTUP_VARIABLES.join(' ')}\n${runScript()}\n`];
}

/**
 * What the stdin of a container holds whose entrypoint may drop the command: the same in lines for
 * a shell that reads them there. The script sees to it that it is run once even if both are.
 */
export function stdinLoader(): string {
  return `${runScript()}\n`;
}

function runScript(): string {
  return [
    `for _runner_shell in ${SHELLS.join(' ')}; do`,
    `  if [ -x "$_runner_shell" ]; then exec "$_runner_shell" <${STAGE_MOUNTS.script}; fi`,
    'done',
    'echo shell not found >&2',
    'exit 1',
  ].join('\n');
}
