import { parse } from 'toml';
import { errorMessage } from '../../domain/error-message.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { mergeToml, TomlConflict } from './merge-toml.ts';
import { isTable, type TomlTable } from './toml-table.ts';

/**
 * Parses TOML as gitlab-runner's reader does, including tables that are written in several places.
 * A 64-bit integer without an exact JavaScript number becomes the nearest one. Throws InvalidConfig
 * that names file, line and column.
 */
export function parseToml(text: string, path: string): TomlTable {
  try {
    return withNumbers(parseLaxly(text)) as TomlTable;
  } catch (error) {
    const place = [path, ...placeOf(error, text)].join(':');
    const reason = errorMessage(error);
    const complaint = error instanceof TomlConflict ? reason : `this is not TOML: ${reason}`;
    throw new FinalError(FailureType.InvalidConfig, `${place}: ${complaint}`);
  }
}

function parseLaxly(text: string): TomlTable {
  try {
    return parse(text, { bigint: true }) as TomlTable;
  } catch (error) {
    // A text with a syntax error cannot be merged.
    if (isSyntaxFault(error)) throw error;
    return mergeToml(text);
  }
}

interface Place {
  readonly line?: number;
  readonly column?: number;
}

interface ParserFault extends Place {
  readonly location?: { readonly start?: Place };
}

function isSyntaxFault(error: unknown): boolean {
  return (error as ParserFault).location !== undefined;
}

/**
 * Returns line and column. Syntax errors have a location, semantic errors a line and a column, and
 * ours an offset.
 */
function placeOf(error: unknown, text: string): readonly number[] {
  if (error instanceof TomlConflict) return lineAndColumn(text, error.offset);
  const { location, line, column } = error as ParserFault;
  return [location?.start?.line ?? line, location?.start?.column ?? column].filter(
    (part) => part !== undefined,
  );
}

function lineAndColumn(text: string, offset: number): readonly number[] {
  const before = text.slice(0, offset).split('\n');
  return [before.length, (before.at(-1)?.length ?? 0) + 1];
}

function withNumbers(value: unknown): unknown {
  if (typeof value === 'bigint') return nearestNumber(value);
  if (Array.isArray(value)) return value.map(withNumbers);
  if (!isTable(value)) return value;
  const table = Object.create(null) as Record<string, unknown>;
  for (const [key, inner] of Object.entries(value)) table[key] = withNumbers(inner);
  return table;
}

function nearestNumber(value: bigint): number {
  const limit = Number.MAX_SAFE_INTEGER;
  return Math.min(Math.max(Number(value), -limit), limit);
}
