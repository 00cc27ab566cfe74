/**
 * Whether a message came without input. An empty value counts as no input, because forms and
 * commands send one when nothing was entered.
 */
export function isNoInput(input: unknown): boolean {
  if (input === undefined || input === null || input === '') return true;
  return typeof input === 'object' && Object.keys(input).length === 0;
}
