import { Option, type Command } from 'commander';
import type { TomlTable } from '../adapters/config/toml-table.ts';
import { booleanOption, readCount, readMore } from './options.ts';

type Kind = 'text' | 'count' | 'flag' | 'list';

/** A key of a `[[runners]]` entry that an option of `register`, or the option's variable, sets. */
interface EntryOption {
  readonly key: string;
  readonly kind: Kind;
  readonly flag: string;
  readonly env: string;
}

const RUNNER_OPTIONS: readonly EntryOption[] = [
  ...entries('text', ['tls-ca-file', 'tls-cert-file', 'tls-key-file'], {
    env: (key) => `CI_SERVER_${envName(key)}`,
  }),
  ...entries('count', ['limit', 'request_concurrency', 'output_limit']),
  ...entries('text', ['builds_dir', 'cache_dir']),
  { key: 'clone_url', kind: 'text', flag: '--clone-url', env: 'CLONE_URL' },
  { key: 'environment', kind: 'list', flag: '--env', env: 'RUNNER_ENV' },
  ...entries('text', ['pre_get_sources_script', 'post_get_sources_script']),
  ...entries('text', ['pre_build_script', 'post_build_script']),
  ...entries('flag', ['debug_trace_disabled']),
];

const DOCKER: EntryNames = {
  flag: (key) => `--docker-${key.replaceAll('_', '-')}`,
  env: (key) => `DOCKER_${envName(key)}`,
};

const DOCKER_OPTIONS: readonly EntryOption[] = [
  ...entries('text', ['host', 'tls_cert_path', 'image', 'helper_image', 'runtime', 'user'], DOCKER),
  ...entries('flag', ['tls_verify', 'privileged', 'disable_cache'], DOCKER),
  ...entries('list', ['pull_policy', 'allowed_pull_policies', 'volumes', 'devices'], DOCKER),
  ...entries('text', ['network_mode', 'hostname', 'memory', 'memory_swap', 'cpus'], DOCKER),
  ...entries('text', ['memory_reservation', 'cpuset_cpus'], DOCKER),
  ...entries('count', ['cpu_shares', 'shm_size'], DOCKER),
  ...entries('list', ['cap_add', 'cap_drop', 'security_opt', 'extra_hosts'], DOCKER),
  ...entries('list', ['dns', 'dns_search'], DOCKER),
];

interface EntryNames {
  readonly flag?: (key: string) => string;
  readonly env?: (key: string) => string;
}

function entries(
  kind: Kind,
  keys: readonly string[],
  { flag, env }: EntryNames = {},
): readonly EntryOption[] {
  return keys.map((key) => ({
    key,
    kind,
    flag: flag?.(key) ?? `--${key.replaceAll('_', '-')}`,
    env: env?.(key) ?? `RUNNER_${envName(key)}`,
  }));
}

function envName(key: string): string {
  return key.replaceAll('-', '_').toUpperCase();
}

/** Adds an option for each key to `register`. */
export function addEntryOptions(command: Command): void {
  for (const option of [...RUNNER_OPTIONS, ...DOCKER_OPTIONS]) {
    command.addOption(createOption(option).env(option.env));
  }
}

function createOption({ kind, flag, key }: EntryOption): Option {
  const description = `Sets "${key}"`;
  switch (kind) {
    case 'text':
      return new Option(`${flag} <value>`, description);
    case 'count':
      return new Option(`${flag} <number>`, description).argParser(readCount);
    case 'flag':
      return booleanOption(flag, description);
    case 'list':
      return new Option(`${flag} <value>`, `${description}, may be repeated`).argParser(readMore);
  }
}

export interface GivenEntry {
  readonly runner: TomlTable;
  readonly docker: TomlTable;
}

/** Returns the keys that were set, by their names in the file. */
export function readEntryOptions(command: Command): GivenEntry {
  return { runner: readGiven(command, RUNNER_OPTIONS), docker: readGiven(command, DOCKER_OPTIONS) };
}

function readGiven(command: Command, options: readonly EntryOption[]): TomlTable {
  const given = options.flatMap((option) => {
    const name = createOption(option).attributeName();
    const value: unknown = command.getOptionValue(name);
    if (value === undefined || value === '') return [];
    // An environment variable has all values of a list, separated by commas.
    const isFromEnv = command.getOptionValueSource(name) === 'env';
    const split = isFromEnv && option.kind === 'list' ? splitList(value) : value;
    return [[option.key, split] as const];
  });
  return Object.fromEntries(given);
}

function splitList(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.flatMap((text) => String(text).split(',')) : [];
}
