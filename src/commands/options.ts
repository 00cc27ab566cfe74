import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseGoBool } from '../domain/job/go-bool.ts';

/** Creates a flag in gitlab-runner's syntax: `--x`, `--x=true`, `--x=false`. */
export function booleanOption(name: string, description: string): Option {
  return new Option(`${name} [bool]`, description).argParser(readBoolean).preset('true');
}

function readBoolean(text: string): boolean | undefined {
  if (text === '') return undefined;
  const value = parseGoBool(text);
  if (value === undefined) throw new InvalidArgumentError('Expected true or false.');
  return value;
}

/**
 * Treats an empty environment variable as unset. Commander would treat it as a value, which turns a
 * flag on.
 */
export function forgetEmptyVariables(program: Command): void {
  for (const { options } of [program, ...program.commands]) {
    for (const option of options) {
      if (option.envVar !== undefined && process.env[option.envVar] === '') delete option.envVar;
    }
  }
}

/** Parses a whole number of at least 0; undefined for any other text. */
export function readCount(text: string): number | undefined {
  if (text === '') return undefined;
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

/** Collects the values of an option that may be repeated. */
export function readMore(text: string, before: readonly string[] = []): readonly string[] {
  return text === '' ? before : [...before, text];
}

/** The flags of a command that has only {@link configOption}. */
export interface ConfigFlags {
  readonly config: string;
}

export function configOption(): Option {
  return new Option('-c, --config <file>', 'Config file')
    .env('CONFIG_FILE')
    .argParser((text) => (text === '' ? defaultConfigPath() : resolve(text)))
    .default(defaultConfigPath());
}

/**
 * Returns the machine's file for root, and a file of their own for other users, as in
 * gitlab-runner.
 */
function defaultConfigPath(): string {
  if (process.getuid?.() === 0) return '/etc/gitlab-runner/config.toml';
  const assignment = homedir();
  return assignment !== '' && existsSync(assignment)
    ? join(assignment, '.gitlab-runner', 'config.toml')
    : resolve('config.toml');
}

/**
 * Joins a boolean flag and its value. Commander would take `run` in `--debug run` for a value, and
 * people write `--locked false`.
 */
export function joinBooleanValues(program: Command, args: readonly string[]): readonly string[] {
  const flags = new Set(
    [program, ...program.commands]
      .flatMap(({ options }) => options)
      .filter(({ optional }) => optional)
      .map(({ long }) => long),
  );
  const joined: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    const next = args[index + 1] ?? '';
    if (!flags.has(arg)) joined.push(arg);
    else if (parseGoBool(next) === undefined) joined.push(`${arg}=true`);
    else {
      joined.push(`${arg}=${next}`);
      index += 1;
    }
  }
  return joined;
}
