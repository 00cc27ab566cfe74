/** What the wrapper of a stage has noted; the exit code once it has ended. */
export interface StageState {
  readonly exitCode: number | undefined;
  /** Of the copier of the output, when it ended before the output did: the log is incomplete. */
  readonly copierExitCode?: number;
}

/** The copier's exit code when the kernel ended it for the size of its file (SIGXFSZ). */
export const COPIER_AT_LIMIT = 153;

/** A script's exit code when it has begun before, and nobody knows how it ended: see `wrapStage`. */
export const BEGUN_BEFORE = 254;

/** The wrapper's own, when it could not even note that the stage begins: the disk is full. */
export const CANNOT_BEGIN = 121;

/**
 * Reads a state file by its first line: `<nonce> begun <pid>` when the stage began (`<nonce>` alone
 * in releases up to 0.1.0), `<nonce> <exit code>` when it ended, with the exit code of the copier behind
 * it when that failed. undefined for anything else: the note of an earlier stage, half a write, or what
 * the job itself put there.
 */
export function parseStageState(text: string, nonce: string): StageState | undefined {
  const match = /^(\S{1,128})(?: begun \d{1,10}| (\d{1,3})(?: (\d{1,3}))?)?(?:\n|$)/.exec(
    text.slice(0, 200),
  );
  if (match === null || match[1] !== nonce) return undefined;
  if (match[2] === undefined) return { exitCode: undefined };
  const [exitCode, copierExitCode] = [Number(match[2]), Number(match[3] ?? 0)];
  if (exitCode > 255 || copierExitCode > 255) return undefined;
  return copierExitCode === 0 ? { exitCode } : { exitCode, copierExitCode };
}
