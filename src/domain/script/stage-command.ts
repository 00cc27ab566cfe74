import type { Variables } from '../variables/variables.ts';
import { STAGE_MOUNTS } from './stage-mounts.ts';

/** Paths, tried in this order. Source: gitlab-runner `shells/bash.go` (BashDetectShellScript). */
export const SHELLS: readonly string[] = [
  '/usr/local/bin/bash',
  '/usr/bin/bash',
  '/bin/bash',
  '/usr/local/bin/sh',
  '/usr/bin/sh',
  '/bin/sh',
  '/busybox/sh',
];

/** Variables that make a shell run something before the script. */
const SHELL_STARTUP_VARIABLES = ['BASH_ENV', 'ENV'];

/**
 * Command of the job's container: passes the stage's script to the first shell that the image has.
 * It is the same for every stage, because the script file is refilled before each start. As in
 * gitlab-runner, the shell reads the script from stdin, so `$0` is the shell's own name and the
 * script has no source file.
 */
export function buildCommand(): readonly string[] {
  return ['sh', '-c', `${runScript()}\n`];
}

/** Whether the containers of a build keep their usual umask. Without it, every user may write. */
export function hasUmask({ featureFlags }: Pick<Variables, 'featureFlags'>): boolean {
  return featureFlags.isOn('FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR');
}

/**
 * Command of the helper's container. Files that it writes must be accessible in the job's container
 * for any user. With the usual umask they are given to the job's user instead. Source:
 * gitlab-runner `dockerfiles/runner-helper` (gitlab-runner-build).
 */
export function helperCommand(options: { readonly hasUmask: boolean }): readonly string[] {
  return ['sh', '-c', `${[...helperSettings(options), runScript()].join('\n')}\n`];
}

/** First lines of every command of a helper container. */
export function helperSettings(options: { readonly hasUmask: boolean }): readonly string[] {
  return [
    ...(options.hasUmask ? [] : ['umask 0000']),
    `unset ${SHELL_STARTUP_VARIABLES.join(' ')}`,
  ];
}

/**
 * Input for the stdin of a container whose entrypoint may ignore the command: the same command, for
 * a shell that reads stdin. If both run, the script makes sure that it is executed only once.
 */
export function stdinLoader(): string {
  return `${runScript()}\n`;
}

/** Replaces the shell by the first known one of the image, which reads the stage's script. */
export function runScript(): string {
  return [
    `for _runner_shell in ${SHELLS.join(' ')}; do`,
    `  if [ -x "$_runner_shell" ]; then exec "$_runner_shell" <${STAGE_MOUNTS.script}; fi`,
    'done',
    'echo shell not found >&2',
    'exit 1',
  ].join('\n');
}
