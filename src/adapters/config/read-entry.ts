import { describeIssue } from './config-faults.ts';
import { runnerSchema, type RawRunner } from './schema.ts';
import { isTable } from './toml-table.ts';

export interface ReadEntry {
  /** Without the keys that hold what they may not. */
  readonly raw: RawRunner;
  /** Each names one of those keys. With any of them the entry is not to be served. */
  readonly faults: readonly string[];
}

/** One `[[runners]]`. Total: the rest of the file holds whatever is wrong in it. */
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

/** A list goes as a whole with any of its items. */
function withoutPath(value: unknown, [key, ...rest]: readonly PropertyKey[]): unknown {
  if (!isTable(value) || typeof key !== 'string') return {};
  const { [key]: inner, ...others } = value;
  return rest.length > 0 && isTable(inner)
    ? { ...others, [key]: withoutPath(inner, rest) }
    : others;
}
