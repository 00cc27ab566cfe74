import { quote } from './quote.ts';
import { BEGUN_BEFORE, CANNOT_BEGIN } from './stage-state.ts';

/** Where a stage's files are in its container. */
export interface StagePaths {
  readonly output: string;
  readonly state: string;
}

export interface Wrapping {
  readonly paths: StagePaths;
  /** Tells this run of the stage from every other. */
  readonly nonce: string;
  /** The output file grows to this size, or to twice of it; what comes then is thrown away. */
  readonly maxOutputBytes: number;
}

/** What `ulimit -f` counts in, but bash, which counts in 1024 bytes. */
const ULIMIT_UNIT_BYTES = 512;

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
 * - The copier alone has a limit for the size of files. When it ends before the pipe does, for that
 *   limit or a full disk, another takes the rest of the pipe to /dev/null: the job neither blocks nor
 *   dies of SIGPIPE. A second pipe, which only the copier holds open, tells of its end. Its exit code
 *   is noted, so that an incomplete log is never taken for a complete one.
 * - It runs once. A Docker that dies right after it has started a container knows nothing of that when
 *   it is back: it is asked to start it again, and ends what it had started. And an entrypoint may run
 *   both its command and what comes on its stdin, even side by side. Each of them appends its note, and
 *   the first one has it; the others end as it did, so that a failure stays one.
 * - A stop sends TERM to every process. Each shell of the wrapper has to say anew that it stays, since
 *   a subshell forgets it: the job has its time to tidy up, and the stage notes how that ended.
 * - The state file is written over and not anew: on a full disk there is room for that.
 * - Processes that the job leaves behind keep the pipe open. So the wrapper does not wait for its
 *   end, but until the copier has nothing more to read; then all of them end with the container.
 *
 * Source: gitlab-runner `shells/bash.go` (Finish) for traps, options and stdin.
 */
export function wrapStage(body: string, { paths, nonce, maxOutputBytes }: Wrapping): string {
  const output = quote(paths.output);
  const state = quote(paths.state);
  const maxBlocks = Math.ceil(maxOutputBytes / ULIMIT_UNIT_BYTES);
  return `${beginOnce({ output, state, nonce: quote(nonce) })}_runner_body=${quote(body)}
if command -v cat >/dev/null 2>&1 && : | printf '' >/proc/self/fd/0; then
  : | {
    trap : TERM
    exec 6<&0
    : | {
      trap : TERM
      exec 5>/proc/self/fd/6 4>/proc/self/fd/0 3<&0
      ( trap '' TERM INT HUP; exec 2>/dev/null; ulimit -f ${maxBlocks}; exec cat <&3 3<&- 4>&- 6<&- >>${output} ) &
      _runner_copier=$!
      ( trap '' TERM INT HUP; exec 2>/dev/null 4>&- 5>&-; read -r _ <&6; exec cat <&3 3<&- 6<&- >/dev/null ) &
      exec </dev/null >&4 2>&4 3<&- 4>&- 5>&- 6<&-
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
      IFS=' ' read -r _ _ _runner_is _ <"/proc/$_runner_copier/stat" || _runner_is=X
      _runner_copied=0
      case $_runner_is in [ZX]) wait "$_runner_copier"; _runner_copied=$? ;; esac
      if [ "$_runner_copied" -eq 0 ]; then _runner_copied=; fi
      printf '%s %s\\n' ${quote(nonce)} "$_runner_code\${_runner_copied:+ $_runner_copied}" 1<>${state}
      exit "$_runner_code"
    }
    exit "$?"
  }
  exit "$?"
else
  exec </dev/null >>${output} 2>&1
  ( trap 'exit 1' TERM; eval "$_runner_body" )
  _runner_code=$?
  printf '%s %s\\n' ${quote(nonce)} "$_runner_code" 1<>${state}
  exit "$_runner_code"
fi
`;
}

/** Ends the shell unless it is the first one to begin with this nonce. All are quoted. */
function beginOnce({
  output,
  state,
  nonce,
}: Readonly<Record<'output' | 'state' | 'nonce', string>>) {
  return `set +eCaux
trap : TERM
_runner_seen=
_runner_end=
IFS=' ' read -r _runner_seen _runner_end _ 2>/dev/null <${state}
if [ "$_runner_seen" = ${nonce} ]; then
  case $_runner_end in ''|*[!0-9]*) exit ${BEGUN_BEFORE} ;; *) exit "$_runner_end" ;; esac
fi
if [ -n "$_runner_seen" ]; then : >${state}; fi
_runner_begun=${nonce}" begun $$"
if ! printf '%s\\n' "$_runner_begun" >>${state} || ! printf '' >>${output}; then
  echo 'ERROR: the stage cannot write to the files of the runner' >&2
  exit ${CANNOT_BEGIN}
fi
IFS= read -r _runner_seen <${state}
if [ "$_runner_seen" != "$_runner_begun" ]; then
  exit ${BEGUN_BEFORE}
fi
`;
}

/** First lines of every body: a clean start, and the first command that fails ends the stage. */
export function shellOptions(options: { readonly isTraced: boolean }): readonly string[] {
  return [
    'unset _runner_body _runner_copier _runner_seen _runner_end _runner_begun',
    'case "$(set -o)" in *pipefail*) set -o pipefail ;; esac',
    ...(options.isTraced ? ['set -o xtrace'] : []),
    'set -o errexit',
  ];
}
