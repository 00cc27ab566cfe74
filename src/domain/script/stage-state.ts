/** What the wrapper of a stage recorded: that it began, and its exit code once it has ended. */
export interface StageState {
  readonly exitCode: number | undefined;
  /**
   * Exit code of the output's copier, when it ended before the output did: the log is then
   * incomplete.
   */
  readonly copierExitCode?: number;
  /** Process id of a wrapper that has begun and not ended; releases up to 0.1.0 did not record it. */
  readonly pid?: number;
}

/** The copier's exit code when its file reached the size limit (SIGXFSZ). */
export const COPIER_AT_LIMIT = 153;

/** The copier's exit code when it was killed (SIGKILL). */
export const COPIER_KILLED = 137;

/**
 * Recorded in place of the copier's exit code when the disk did not take the output in time. No
 * signal leads to this code.
 */
export const COPIER_STALLED = 200;

/**
 * The exit code of a script that had begun before, when nobody knows how it ended: see `wrapStage`.
 */
export const BEGUN_BEFORE = 254;

/**
 * The wrapper's exit code when it could not even record that the stage begins: the disk is full.
 */
export const CANNOT_BEGIN = 121;

/**
 * Parses a state file by its first line: `<nonce> begun <pid>` when the stage has begun (`<nonce>`
 * alone in releases up to 0.1.0), `<nonce> <exit code>` when it has ended, followed by the exit
 * code of the copier when that failed. undefined for anything else: the state of an earlier stage,
 * a partial write, or text from the job itself.
 */
export function parseStageState(text: string, nonce: string): StageState | undefined {
  const match = /^(\S{1,128})(?: begun (\d{1,10})| (\d{1,3})(?: (\d{1,3}))?)?(?:\n|$)/.exec(
    text.slice(0, 200),
  );
  if (match === null || match[1] !== nonce) return undefined;
  const [, , pid, end, copierEnd] = match;
  if (pid !== undefined) return { exitCode: undefined, pid: Number(pid) };
  if (end === undefined) return { exitCode: undefined };
  const [exitCode, copierExitCode] = [Number(end), Number(copierEnd ?? 0)];
  if (exitCode > 255 || copierExitCode > 255) return undefined;
  return copierExitCode === 0 ? { exitCode } : { exitCode, copierExitCode };
}

/**
 * A container that runs one stage after another records this word, with the nonce, after each
 * stage.
 */
export const STAGE_OVER = 'over';

/**
 * Whether the stage with this nonce has succeeded in a container that runs the stage loop, and none
 * of the stage's processes is left. Without a nonce, the stage of the file's first line counts.
 */
export function isStageOver(text: string, nonce = firstWord(text)): boolean {
  return nonce !== '' && text.includes(`\n${STAGE_OVER} ${nonce}\n`);
}

/** Whether a stage loop with this state file runs no stage now. */
export function isAwaitingStage(text: string): boolean {
  return text === '' || isStageOver(text);
}

function firstWord(text: string): string {
  return /^\S*/.exec(text)?.[0] ?? '';
}
