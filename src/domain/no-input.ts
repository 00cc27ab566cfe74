/**
 * Whether somebody who sends a message that takes no input has given none. Forms and commands send an empty
 * value in its place, which counts as none.
 */
export function isNoInput(input: unknown): boolean {
  if (input === undefined || input === null || input === '') return true;
  return typeof input === 'object' && Object.keys(input).length === 0;
}
