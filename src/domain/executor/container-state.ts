/** Whether a container in this state has processes. Those of a paused one are only stopped. */
export function isAlive({ state }: { readonly state: string }): boolean {
  return state === 'running' || state === 'paused';
}
