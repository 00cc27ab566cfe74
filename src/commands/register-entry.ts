import { parseToml } from '../adapters/config/parse-toml.ts';
import { readConfigFile } from '../adapters/config/read-config-file.ts';
import { readConfig } from '../adapters/config/read-config.ts';
import { isTable, withoutKey, type TomlTable } from '../adapters/config/toml-table.ts';
import { renderTableArrayEntry } from '../adapters/config/render-toml.ts';
import { FailureType, FinalError } from '../domain/failure.ts';
import type { GivenEntry } from './entry-options.ts';
import type { Identity } from './register-identity.ts';

/** gitlab-runner's value for "never". */
const NEVER = new Date('0001-01-01T00:00:00Z');
const CACHE_VOLUME = '/cache';

/** Names of the other executors' tables. Only the chosen executor's table is written. */
const OTHER_EXECUTORS: ReadonlySet<string> = new Set([
  ...['kubernetes', 'machine', 'ssh', 'parallels', 'virtualbox', 'custom', 'referees'],
  ...['instance', 'autoscaler'],
]);

/** Completes the given keys with those of the template's runner, except its token. */
export async function fillFromTemplate(
  given: GivenEntry,
  path: string | undefined,
): Promise<GivenEntry> {
  if (!path) return given;
  const { text } = await readConfigFile(path);
  const { runners } = parseToml(text, path);
  const [template, ...more] = (Array.isArray(runners) ? runners : []) as readonly unknown[];
  if (!isTable(template) || more.length > 0) {
    throw new Error(`${path}: a template must contain exactly one [[runners]] entry`);
  }
  const { docker, ...runner } = template;
  const kept = Object.entries(withoutKey(runner, 'token')).filter(
    ([key]) => !OTHER_EXECUTORS.has(key),
  );
  return {
    runner: complete(given.runner, Object.fromEntries(kept)),
    docker: complete(given.docker, isTable(docker) ? docker : {}),
  };
}

/** Completes a table, and the tables in it, with what only the template has. */
function complete(given: TomlTable, template: TomlTable): TomlTable {
  const completed = Object.entries(given).map(([key, value]) => {
    const other = template[key];
    return [key, isTable(value) && isTable(other) ? complete(value, other) : value] as const;
  });
  return { ...template, ...Object.fromEntries(completed) };
}

/** Throws InvalidConfig for values that a config file cannot contain, before GitLab is asked. */
export function checkEntry({ runner, docker }: GivenEntry): void {
  const text = renderTableArrayEntry('runners', { ...runner, docker });
  const { unusable } = readConfig({ text, path: 'options', env: {} });
  const faults = unusable.filter(({ isFaulty }) => isFaulty).map(({ reason }) => reason);
  if (faults.length > 0) {
    throw new FinalError(FailureType.InvalidConfig, `options: ${faults.join('; ')}`);
  }
}

export interface EntryParts {
  readonly identity: Identity;
  readonly given: GivenEntry;
  readonly executor: string;
  readonly image: string;
  readonly now: Date;
}

/** Builds the `[[runners]]` entry for the file, in gitlab-runner's order. */
export function buildEntry({ identity, given, executor, image, now }: EntryParts): TomlTable {
  const { name, url, id, token, tokenExpiresAt } = identity;
  const own: TomlTable = {
    name,
    url,
    id,
    token,
    token_obtained_at: wholeSeconds(now),
    token_expires_at: readExpiry(tokenExpiresAt),
    executor,
  };
  const volumes = withCacheVolume(given.docker);
  return {
    ...own,
    ...Object.fromEntries(Object.entries(given.runner).filter(([key]) => !(key in own))),
    docker: { image, ...withoutKey(given.docker, 'image'), ...(volumes.length > 0 && { volumes }) },
  };
}

/**
 * Adds a `/cache` volume, which the jobs of one project share, unless one is already configured or
 * none is wanted.
 */
function withCacheVolume({ volumes, disable_cache: isDisabled }: TomlTable): readonly string[] {
  const given = Array.isArray(volumes) ? volumes.map(String) : [];
  const isThere = given.some((volume) => volume.split(':').at(-1) === CACHE_VOLUME);
  return isThere || isDisabled === true ? given : [...given, CACHE_VOLUME];
}

function readExpiry(text: string | undefined): Date {
  const expiry = new Date(text ?? '');
  return Number.isNaN(expiry.getTime()) ? NEVER : expiry;
}

function wholeSeconds(date: Date): Date {
  return new Date(Math.trunc(date.getTime() / 1000) * 1000);
}
