/** The name of a node's process in Temporal, which people and other processes see. */
export interface ProcessName {
  readonly host: string;
  readonly pid: number;
  /**
   * The machine's boot id, because the pid is only meaningful during that boot; undefined when it
   * is not known.
   */
  readonly boot: string | undefined;
  /** Wall clock, milliseconds; undefined in names of 0.1.0. */
  readonly sinceMs: number | undefined;
}

const PATTERN = /^(.*):(\d+)(?:@(\S*) since (\S+))?$/;

/** Formats a name as `host:4711@3f2a9c1b since 2026-11-25T12:00:00.000Z`. */
export function formatProcessName({ host, pid, boot = '', sinceMs = 0 }: ProcessName): string {
  return `${host}:${pid}@${boot} since ${new Date(sinceMs).toISOString()}`;
}

/** Parses a name; undefined for another format. */
export function parseProcessName(text: string): ProcessName | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, host = '', pid, boot = '', since = ''] = match;
  const sinceMs = Date.parse(since);
  return {
    host,
    pid: Number(pid),
    boot: boot === '' ? undefined : boot,
    sinceMs: Number.isNaN(sinceMs) ? undefined : sinceMs,
  };
}

/**
 * Whether this process stays when two processes serve one node. The older one stays, because it has
 * the builds.
 */
export function isOlder(mine: string, other: string): boolean {
  const [a, b] = [mine, other].map((name) => parseProcessName(name)?.sinceMs ?? 0);
  return a === b ? mine < other : (a ?? 0) < (b ?? 0);
}
