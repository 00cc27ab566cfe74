/** Error codes of a full disk, and of a user's exhausted quota on one. Source: errno(3). */
const CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

/** Whether the `code` of an error says that there is no room on the disk. */
export function isDiskFullCode(code: unknown): boolean {
  return CODES.has(code);
}
