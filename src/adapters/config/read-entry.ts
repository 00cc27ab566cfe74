import { describeIssue } from './config-faults.ts';
import { runnerSchema, type RawRunner } from './schema.ts';
import { isTable } from './toml-table.ts';

export interface ReadEntry {
  /** The entry without the keys that have unusable values. */
  readonly raw: RawRunner;
  /** One fault for each of those keys. An entry with any fault is not served. */
  readonly faults: readonly string[];
}

/** Parses one `[[runners]]` entry. Never throws, because the other entries must not suffer. */
export function readEntry(entry: unknown, index: number): ReadEntry {
  const parsed = runnerSchema.safeParse(entry, { reportInput: true });
  if (parsed.success) return { raw: parsed.data, faults: [] };
  const { issues } = parsed.error;
  const sound = issues.reduce((rest, { path }) => withoutPath(rest, path), entry);
  return {
    raw: runnerSchema.safeParse(sound).data ?? runnerSchema.parse({}),
    faults: issues.map((issue) => describeIssue(issue, ['runners', index])),
  };
}

/**
 * Returns the value without the part at this path. A list is removed as a whole when one of its
 * items is faulty.
 */
function withoutPath(value: unknown, [key, ...rest]: readonly PropertyKey[]): unknown {
  if (!isTable(value) || typeof key !== 'string') return {};
  const { [key]: inner, ...others } = value;
  return rest.length > 0 && isTable(inner)
    ? { ...others, [key]: withoutPath(inner, rest) }
    : others;
}
