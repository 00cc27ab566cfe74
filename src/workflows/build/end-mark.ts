// Every workflow has its own copy of this module, and so of this variable.
let isMarked = false;

/** Marks that the workflow only has to end as its job did. */
export function markEndOfBuild(): void {
  isMarked = true;
}

/** Whether the workflow only has to end as its job did. What the SDK logs then is not a fault. */
export function isEndOfBuild(): boolean {
  return isMarked;
}
