/** Whether a container in this state has processes. Those of a paused one are only stopped. */
export function isAlive({ state }: { readonly state: string }): boolean {
  return state === 'running' || state === 'paused';
}

/** Docker's exit code for a container that it lost while it was away. */
export const LOST_EXIT_CODE = 255;
/** The exit codes of containers whose first process SIGKILL or SIGTERM has ended. */
export const KILLED_EXIT_CODES: ReadonlySet<number> = new Set([137, 143]);

/** Whether a container has ended as those do that Docker stops or loses when it is restarted. */
export function hasEndedFromOutside({
  state,
  exitCode,
  oomKilled,
}: {
  readonly state: string;
  readonly exitCode: number;
  readonly oomKilled: boolean;
}): boolean {
  const isCode = exitCode === LOST_EXIT_CODE || KILLED_EXIT_CODES.has(exitCode);
  return state === 'exited' && isCode && !oomKilled;
}
