/** A process of a node, as it calls itself in Temporal, where people and other processes see it. */
export interface ProcessName {
  readonly host: string;
  readonly pid: number;
  /** Of the machine's boot: what it says of a pid holds for that boot only. undefined: not known. */
  readonly boot: string | undefined;
  /** Wall clock, milliseconds; undefined in the names that 0.1.0 gave. */
  readonly sinceMs: number | undefined;
}

const PATTERN = /^(.*):(\d+)(?:@(\S*) since (\S+))?$/;

/** `host:4711@3f2a9c1b since 2026-11-25T12:00:00.000Z`. */
export function formatProcessName({ host, pid, boot = '', sinceMs = 0 }: ProcessName): string {
  return `${host}:${pid}@${boot} since ${new Date(sinceMs).toISOString()}`;
}

/** undefined for a name that somebody else has made up. */
export function parseProcessName(text: string): ProcessName | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, host = '', pid, boot = '', since = ''] = match;
  const sinceMs = Date.parse(since);
  return {
    ...{ host, pid: Number(pid), boot: boot === '' ? undefined : boot },
    sinceMs: Number.isNaN(sinceMs) ? undefined : sinceMs,
  };
}

/** Which of two that serve one node is to stay: the older one, that has the builds. */
export function isOlder(mine: string, other: string): boolean {
  const [a, b] = [mine, other].map((name) => parseProcessName(name)?.sinceMs ?? 0);
  return a === b ? mine < other : (a ?? 0) < (b ?? 0);
}
