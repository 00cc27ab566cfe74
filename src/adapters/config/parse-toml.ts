import { parse } from 'toml';
import { FailureType, FinalError } from '../../domain/failure.ts';

export type TomlTable = Readonly<Record<string, unknown>>;

/** Reads TOML. Fails with InvalidConfig that names file, line and column. */
export function parseToml(text: string, path: string): TomlTable {
  try {
    return parse(text) as TomlTable;
  } catch (error) {
    const place = [path, ...placeOf(error)].join(':');
    const reason = error instanceof Error ? error.message : String(error);
    throw new FinalError(FailureType.InvalidConfig, `${place}: this is not TOML: ${reason}`);
  }
}

/** Syntax errors carry a location, errors of meaning (a key twice) a line and a column. */
function placeOf(error: unknown): readonly number[] {
  const { location, line, column } = error as {
    readonly location?: { readonly start?: { readonly line?: number; readonly column?: number } };
    readonly line?: number;
    readonly column?: number;
  };
  return [location?.start?.line ?? line, location?.start?.column ?? column].filter(
    (part) => part !== undefined,
  );
}

export function withoutKey(table: TomlTable, key: string): TomlTable {
  return Object.fromEntries(Object.entries(table).filter(([other]) => other !== key));
}

export function isTable(value: unknown): value is TomlTable {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  );
}
