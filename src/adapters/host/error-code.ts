/** Returns the code that Node gives an error, such as `ENOENT`; undefined where it gives none. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
