/** What the wrapper of a stage has noted; the exit code once it has ended. */
export interface StageState {
  readonly exitCode: number | undefined;
}

/**
 * Reads a state file: `<nonce>` when the stage began, `<nonce> <exit code>` when it ended. undefined
 * for anything else: the note of an earlier stage, half a write, or what the job itself put there.
 */
export function parseStageState(text: string, nonce: string): StageState | undefined {
  const match = /^(\S{1,128})(?: (\d{1,3}))?\n?$/.exec(text.slice(0, 200));
  if (match === null || match[1] !== nonce) return undefined;
  const exitCode = match[2] === undefined ? undefined : Number(match[2]);
  return exitCode !== undefined && exitCode > 255 ? undefined : { exitCode };
}
