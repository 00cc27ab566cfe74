/** Splits lines `KEY=value` at their first `=`. A line without one is left out. */
export function parseAssignments(
  lines: readonly string[],
): readonly (readonly [key: string, value: string])[] {
  return lines.flatMap((line) => {
    const at = line.indexOf('=');
    return at === -1 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
  });
}
