import { formatMark, type MarkKind } from './log-marks.ts';
import { quote } from './quote.ts';
import { BEGUN_BEFORE, CANNOT_BEGIN, COPIER_KILLED, COPIER_STALLED } from './stage-state.ts';

/** Paths of a stage's files in its container. */
export interface StagePaths {
  readonly output: string;
  readonly state: string;
}

/** The facts that the wrapper of a stage depends on. */
export interface Wrapping {
  readonly paths: StagePaths;
  /** Distinguishes this run of the stage from every other. */
  readonly nonce: string;
  /** The output file may grow to this size or twice that. Later output is discarded. */
  readonly maxOutputBytes: number;
  /**
   * True: the first process of the container runs the wrapper, and marks the beginning and the
   * success of the stage in the container's own log: see `formatMark`.
   */
  readonly marksLog?: boolean;
}

/** The unit of `ulimit -f` in most shells; bash counts in 1024 bytes. */
const ULIMIT_UNIT_BYTES = 512;
/** How many hundredths of a second the end of a stage waits for a disk that takes no output. */
const MAX_STALLED = 6_000;

/**
 * The script file of a stage. It records that the stage begins, runs `body` and records the exit
 * code, while all output is appended to a file on the node. Everything happens in the container, so
 * a stage loses nothing while no worker is running.
 *
 * - The shell gets `body` as one quoted word. So nothing in `body` can end the wrapper, and the
 *   shell has read the whole file before any of it runs. A shell that reports a killed child prints
 *   the name of the variable and not the body.
 * - The job writes to a pipe, and `cat` copies from the pipe to the file. If the job had the file
 *   itself, a mere `echo problem >/dev/stderr` would truncate the file. The other end of the pipe
 *   is opened through /proc, because sh has no other way to run the copier in the background while
 *   the job stays in the foreground.
 * - Only the copier has a limit for the size of files. The copier may end before the pipe does,
 *   because of that limit or a full disk. Another process then copies the rest to /dev/null, so
 *   that the job neither blocks nor dies of SIGPIPE. A second pipe, which only the copier holds
 *   open, shows when the copier ends. The copier's exit code is recorded, so that an incomplete log
 *   is never taken for a complete one.
 * - The body runs once. If Docker crashes directly after starting a container, it has forgotten the
 *   start afterwards, and a second start first kills the running container. And an entrypoint may
 *   run both its command and its stdin, even at the same time. Each run appends its record, and the
 *   first record counts. The other runs exit with the same code, so that a failure stays a failure.
 * - A stop sends TERM to every process. Each shell of the wrapper sets its own trap, because a trap
 *   is lost in subshells. The job then has time to clean up, and the stage records its exit code. A
 *   job may also send TERM to the first process, as `$$`. Its script goes on, and then fails.
 * - A job may send a signal to all processes that it can reach, as with `kill -KILL -1`. This ends
 *   the subshells of the wrapper and the copier, but not the first process of the container, which
 *   then records the end in their place.
 * - The state file is overwritten in place and not replaced, because a full disk has room for that.
 * - Processes that the job leaves behind keep the pipe open. So the wrapper does not wait for the
 *   end of the pipe, but until the copier has nothing more to read. The rest ends with the
 *   container. A copier that waits for the disk (state D) gets more time than one that a process
 *   left behind keeps busy. Some shells have a sleep for whole seconds only.
 * - A wrapper that marks the log ends the copier first. So no output is added after the mark of the
 *   end, although the container still runs for a moment. The shell must not print anything after
 *   the mark either. So the mark is left out when the shell had a start-up file, which may have set
 *   a trap for the exit.
 *
 * Source: gitlab-runner `shells/bash.go` (Finish) for traps, options and stdin.
 */
export function wrapStage(body: string, wrapping: Wrapping): string {
  const { paths, nonce, maxOutputBytes } = wrapping;
  const output = quote(paths.output);
  const state = quote(paths.state);
  const maxBlocks = Math.ceil(maxOutputBytes / ULIMIT_UNIT_BYTES);
  const mark = (kind: MarkKind): string =>
    wrapping.marksLog === true ? markBoth(nonce, kind) : '';
  return `${beginOnce({ output, state, nonce: quote(nonce) })}${mark('begins')}_runner_body=${quote(body)}
if command -v cat >/dev/null 2>&1 && : | printf '' >/proc/self/fd/0; then
  : | {
    trap : TERM INT HUP
    exec 6<&0
    : | {
      trap : TERM INT HUP
      exec 5>/proc/self/fd/6 4>/proc/self/fd/0 3<&0
      ( trap '' TERM INT HUP; exec 2>/dev/null; ulimit -f ${maxBlocks}; exec cat <&3 3<&- 4>&- 6<&- >>${output} ) &
      _runner_copier=$!
      ( trap '' TERM INT HUP; exec 2>/dev/null 4>&- 5>&-; read -r _ <&6; exec cat <&3 3<&- 6<&- >/dev/null ) &
      exec </dev/null >&4 2>&4 3<&- 4>&- 5>&- 6<&-
      ( trap 'exit 1' TERM; eval "$_runner_body" )
      _runner_code=$?
      exec >/dev/null 2>&1
      ${AWAIT_COPIER}
      IFS=' ' read -r _ _ _runner_is _ <"/proc/$_runner_copier/stat" || _runner_is=X
      _runner_copied=0
      if [ "$_runner_stalled" -ge ${MAX_STALLED} ]; then _runner_copied=${COPIER_STALLED}; fi
      case $_runner_is in
        [ZX]) wait "$_runner_copier"; _runner_copied=$? ;;${wrapping.marksLog === true ? END_COPIER : ''}
      esac
      if [ "$_runner_copied" -eq 0 ]; then _runner_copied=; fi
      printf '%s %s\\n' ${quote(nonce)} "$_runner_code\${_runner_copied:+ $_runner_copied}" 1<>${state}
      exit "$_runner_code"
    }
    exit "$?"
  }
  _runner_code=$?
${recordKilled(quote(nonce), state)}${recordTerm(quote(nonce), state)}${whenSucceeded(mark('ends'))}  exit "$_runner_code"
else
  exec </dev/null >>${output} 2>&1
  ( trap 'exit 1' TERM; eval "$_runner_body" )
  _runner_code=$?
  printf '%s %s\\n' ${quote(nonce)} "$_runner_code" 1<>${state}
${recordTerm(quote(nonce), state)}  exit "$_runner_code"
fi
`;
}

/** Waits until the copier has nothing more to read, or for too long. */
const AWAIT_COPIER = `_runner_turn=0
      _runner_idle=0
      _runner_stalled=0
      _runner_step=1
      while [ "$_runner_turn" -lt 600 ] && [ "$_runner_stalled" -lt ${MAX_STALLED} ] &&
        IFS=' ' read -r _ _ _runner_is _ <"/proc/$_runner_copier/stat"; do
        case $_runner_is in
          [ZX]) break ;;
          S) _runner_idle=$((_runner_idle + 1)) ;;
          *) _runner_idle=0 ;;
        esac
        case $_runner_is in
          D) _runner_stalled=$((_runner_stalled + _runner_step)) ;;
          *) _runner_turn=$((_runner_turn + _runner_step)) ;;
        esac
        if [ "$_runner_idle" -gt 5 ]; then break; fi
        if [ "$_runner_idle" -gt 0 ]; then sleep 0.01
        elif [ $((_runner_turn + _runner_stalled)) -gt 200 ]; then
          sleep 0.01 || { sleep 1 && _runner_step=100; }
        fi
      done`;

const END_COPIER = `
        *) kill -KILL "$_runner_copier"; wait "$_runner_copier" ;;`;

/** Records the end when the subshells were killed before they could do so. All arguments are quoted. */
function recordKilled(nonce: string, state: string): string {
  return `  if [ "$_runner_code" -gt 128 ] && IFS= read -r _runner_seen <${state} &&
    [ "$_runner_seen" = "$_runner_begun" ]; then
    printf '%s %s\\n' ${nonce} "$_runner_code ${COPIER_KILLED}" 1<>${state}
  fi
`;
}

/**
 * Makes a success a failure when the first process got TERM, as from `kill $$` in a function whose
 * output is captured. Only the exit code of the record is overwritten. All arguments are quoted.
 */
function recordTerm(nonce: string, state: string): string {
  return `  if [ -n "$_runner_term" ] && [ "$_runner_code" -eq 0 ]; then
    _runner_code=1
    printf '%s 1' ${nonce} 1<>${state}
  fi
`;
}

/** Writes a mark to both streams of the container's log. */
function markBoth(nonce: string, kind: MarkKind): string {
  const mark = quote(formatMark(nonce, kind));
  return `echo ${mark}\necho ${mark} >&2\n`;
}

function whenSucceeded(lines: string): string {
  if (lines === '') return '';
  return `if [ "$_runner_code" -eq 0 ] && [ -z "\${BASH_ENV-}\${ENV-}" ]; then\n${lines}fi\n`;
}

/** Exits the shell unless it is the first to begin with this nonce. All arguments are quoted. */
function beginOnce({
  output,
  state,
  nonce,
}: Readonly<Record<'output' | 'state' | 'nonce', string>>) {
  return `set +eCaux
_runner_term=
trap '_runner_term=1' TERM
trap : INT HUP
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

/** First lines of every body: a clean start, and an exit at the first command that fails. */
export function shellOptions(): readonly string[] {
  return [
    'unset _runner_body _runner_copier _runner_seen _runner_end _runner_begun _runner_term',
    'case "$(set -o)" in *pipefail*) set -o pipefail ;; esac',
    'set -o errexit',
  ];
}
