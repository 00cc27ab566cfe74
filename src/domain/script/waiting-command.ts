import { openDirectories } from './open-directories.ts';
import { helperSettings, runScript } from './stage-command.ts';
import { STAGE_MOUNTS } from './stage-mounts.ts';
import { STAGE_OVER } from './stage-state.ts';

/** Number of failed waits or kills before giving up. Each takes about a millisecond. */
const MAX_MISSES = 1_000;

const { nextStage, wakePipe, state, output } = STAGE_MOUNTS;

/** Reads the nonce of the stage to run; empty while there is none. */
const READ_NEXT_STAGE = `IFS= read -r _runner_turn 2>/dev/null <${nextStage} || _runner_turn=`;
/** Waits until something is written to the wake-up pipe. Part of a loop. */
const AWAIT_WAKE_UP = [
  `    IFS= read -r _ 2>/dev/null <${wakePipe} || _runner_misses=$((_runner_misses + 1))`,
  `    if [ "$_runner_misses" -gt ${MAX_MISSES} ]; then exit 1; fi`,
];

interface WaitingCommand {
  readonly hasUmask: boolean;
  /** Directories to create before the first stage: see `openDirectories`. */
  readonly directories: readonly string[];
}

/**
 * Command of a helper container that is started once and runs one stage after another, each in a
 * shell of its own.
 *
 * - The next-stage file contains the nonce of the stage to run. The wake-up pipe only wakes the
 *   shell, because reading from a pipe is the only way to wait without polling in every shell. It
 *   may be written to twice, by a worker that died and by the next one, and still nothing runs
 *   twice. A container that finds a next stage at its start needs no wake-up.
 * - A stage that fails ends the container with its exit code, as in a container of its own.
 * - After a stage that succeeds, every process that the stage left behind is killed. The kernel
 *   spares this shell and the first process of the container. The stage is recorded as over only
 *   when no other process is left. Otherwise the container ends, which kills the rest too.
 * - Nothing is killed unless process 1 belongs to this container. With the process ids of the host,
 *   the kill would hit processes of the host.
 */
export function waitingHelperCommand(options: WaitingCommand): readonly string[] {
  const lines = [
    ...helperSettings(options),
    ...openDirectories(options.directories),
    '_runner_last=',
    '_runner_misses=0',
    'while :; do',
    '  _runner_turn=',
    `  ${READ_NEXT_STAGE}`,
    '  if [ -z "$_runner_turn" ] || [ "$_runner_turn" = "$_runner_last" ]; then',
    ...AWAIT_WAKE_UP,
    '    continue',
    '  fi',
    '  _runner_last=$_runner_turn',
    '  (',
    '    unset _runner_turn _runner_last _runner_misses',
    runScript(),
    '  ) || exit "$?"',
    '  if [ "$$" != 1 ] && [ "$PPID" != 1 ]; then exit 0; fi',
    `  if ! [ -e /proc/1/root${state} ]; then exit 0; fi`,
    '  _runner_misses=0',
    '  while :; do',
    '    _runner_left=',
    '    for _runner_each in /proc/[0-9]*; do',
    '      case ${_runner_each#/proc/} in 1 | "$$") ;; *) _runner_left=$_runner_each ;; esac',
    '    done',
    '    if [ -z "$_runner_left" ]; then break; fi',
    '    kill -KILL -1 2>/dev/null',
    '    ( : )', // This collects the dead children of the shell.
    '    _runner_misses=$((_runner_misses + 1))',
    `    if [ "$_runner_misses" -gt ${MAX_MISSES} ]; then exit 0; fi`,
    '  done',
    '  _runner_misses=0',
    `  printf '\\n${STAGE_OVER} %s\\n' "$_runner_turn" >>${state} || exit 0`,
    'done',
  ];
  return ['sh', '-c', `${lines.join('\n')}\n`];
}

/**
 * Command of a job's container that may be started early: see `judgeEarlyStart`. It waits until the
 * next-stage file has any nonce, and is then replaced by the script. So the script is the container's
 * first process, as without an early start. A container that finds a nonce at its start does not
 * wait at all.
 *
 * A container keeps its mounts as they were at its start. If the disk was read-only at that moment,
 * the container is of no use for the script, and therefore ends.
 */
export function earlyJobCommand({
  directories,
}: Pick<WaitingCommand, 'directories'>): readonly string[] {
  const lines = [
    ...openDirectories(directories),
    READ_NEXT_STAGE,
    'if [ -z "$_runner_turn" ]; then',
    `  ( : >>${state} && : >>${output} ) 2>/dev/null || exit 1`,
    '  _runner_misses=0',
    '  while :; do',
    `    ${READ_NEXT_STAGE}`,
    '    if [ -n "$_runner_turn" ]; then break; fi',
    ...AWAIT_WAKE_UP,
    '  done',
    'fi',
    'unset _runner_turn _runner_misses',
    runScript(),
  ];
  return ['sh', '-c', `${lines.join('\n')}\n`];
}
