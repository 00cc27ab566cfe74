import { quote } from './quote.ts';

/** Where a stage's files are in its container. */
export interface StagePaths {
  readonly output: string;
  readonly state: string;
}

export interface Wrapping {
  readonly paths: StagePaths;
  /** Tells this run of the stage from every other. */
  readonly nonce: string;
}

/**
 * The script file of a stage: notes that it begins, runs `body` and notes its exit code, while
 * everything printed is appended to a file of the node. All of that lies in the container, so that
 * a stage loses nothing while no worker looks.
 *
 * - `body` reaches the shell as one quoted word: nothing in it can end the wrapper, the shell has
 *   read the whole file before any of it runs, and a shell that reports a killed child prints the
 *   name of the variable and not the body.
 * - The job writes into a pipe and `cat` from there into the file. Handed the file itself, a job
 *   would cut it to nothing by a mere `echo problem >/dev/stderr`. The pipe's other end is opened
 *   through /proc, the only way in sh to have the copier in the background and the job not.
 * - Processes that the job leaves behind keep the pipe open. So the wrapper does not wait for its
 *   end, but until the copier has nothing more to read; then all of them end with the container.
 *
 * Source: gitlab-runner `shells/bash.go` (Finish) for traps, options and stdin.
 */
export function wrapStage(body: string, { paths, nonce }: Wrapping): string {
  const output = quote(paths.output);
  const state = quote(paths.state);
  return `set +eCaux
trap : TERM
_runner_body=${quote(body)}
if ! printf '%s\\n' ${quote(nonce)} >${state} || ! printf '' >>${output}; then
  echo 'ERROR: the stage cannot write to the files of the runner' >&2
  exit 1
elif command -v cat >/dev/null 2>&1 && : | printf '' >/proc/self/fd/0; then
  : | {
    trap : TERM
    exec 4>/proc/self/fd/0 3<&0
    ( trap '' TERM INT HUP; exec cat <&3 3<&- 4>&- >>${output} 2>/dev/null ) &
    _runner_copier=$!
    exec </dev/null >&4 2>&4 3<&- 4>&-
    ( trap 'exit 1' TERM; eval "$_runner_body" )
    _runner_code=$?
    exec >/dev/null 2>&1
    _runner_turn=0
    _runner_idle=0
    while [ "$_runner_turn" -lt 600 ] && IFS=' ' read -r _ _ _runner_is _ <"/proc/$_runner_copier/stat"; do
      case $_runner_is in
        [ZX]) break ;;
        S) _runner_idle=$((_runner_idle + 1)) ;;
        *) _runner_idle=0 ;;
      esac
      if [ "$_runner_idle" -gt 5 ]; then break; fi
      if [ "$_runner_idle" -gt 0 ] || [ "$_runner_turn" -gt 200 ]; then sleep 0.01; fi
      _runner_turn=$((_runner_turn + 1))
    done
    printf '%s %s\\n' ${quote(nonce)} "$_runner_code" >${state}
    exit "$_runner_code"
  }
  exit "$?"
else
  exec </dev/null >>${output} 2>&1
  ( trap 'exit 1' TERM; eval "$_runner_body" )
  _runner_code=$?
  printf '%s %s\\n' ${quote(nonce)} "$_runner_code" >${state}
  exit "$_runner_code"
fi
`;
}

/** First lines of every body: a clean start, and the first command that fails ends the stage. */
export function shellOptions(options: { readonly isTraced: boolean }): readonly string[] {
  return [
    'unset _runner_body _runner_copier',
    'case "$(set -o)" in *pipefail*) set -o pipefail ;; esac',
    ...(options.isTraced ? ['set -o xtrace'] : []),
    'set -o errexit',
  ];
}
