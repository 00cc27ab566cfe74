// Every workflow has a copy of this module, and so of this variable, of its own.
let isMarked = false;

/** From here on this workflow only ends as its job did. */
export function markEndOfBuild(): void {
  isMarked = true;
}

/** Whether this workflow only ends as its job did: what the SDK says of that is no fault. */
export function isEndOfBuild(): boolean {
  return isMarked;
}
