import { z } from 'zod';
import { isTable, type TomlTable } from './toml-table.ts';
import { CACHE_TABLES } from './cache-schema.ts';
import { dockerSchema } from './docker-schema.ts';
import {
  artifactSchema,
  customBuildDirSchema,
  installationSchema,
  runnerSchema,
  sessionServerSchema,
} from './schema.ts';
import { serviceSchema } from './services-schema.ts';

/** The keys of one table. As in gitlab-runner, names are compared without regard to case. */
interface TableKeys {
  /** Keys that this runner supports. */
  readonly acted: readonly string[];
  /** Supported keys whose tables have names that the user chooses. */
  readonly maps: readonly string[];
  /**
   * Keys of gitlab-runner that are not supported yet, with the values that have no effect, besides
   * zero values.
   */
  readonly notYet: Readonly<Record<string, readonly unknown[]>>;
  readonly tables: Readonly<Record<string, TableKeys>>;
}

/** Accepted silently, because gitlab-runner writes them for itself. */
const BOOK_KEEPING = ['token_obtained_at', 'token_expires_at'];

const names = (text: string): Readonly<Record<string, readonly unknown[]>> =>
  Object.fromEntries(text.split(/\s+/).map((name) => [name, []]));

/** Reads the keys of a table from its schema. */
function keysOf({ shape }: z.ZodObject): Pick<TableKeys, 'acted' | 'maps'> {
  const acted = Object.keys(shape);
  return { acted, maps: acted.filter((key) => isMap(shape[key])) };
}

function isMap(schema: unknown): boolean {
  return schema instanceof z.ZodDefault && schema.unwrap() instanceof z.ZodRecord;
}

const SERVICE_KEYS: TableKeys = {
  ...keysOf(serviceSchema),
  // This belongs to the kubernetes executor.
  notYet: names('suspend_data_path'),
  tables: {},
};

const DOCKER_KEYS: TableKeys = {
  ...keysOf(dockerSchema),
  notYet: names('service_slot_cgroup_template'),
  tables: { services: SERVICE_KEYS },
};

const plainTable = (acted: readonly string[]): TableKeys => ({
  acted,
  maps: [],
  notYet: {},
  tables: {},
});

const CACHE_KEYS: TableKeys = {
  ...plainTable(CACHE_TABLES.cache),
  tables: {
    s3: {
      ...plainTable(CACHE_TABLES.s3),
      notYet: {
        ...names('RoleARN UploadRoleARN DisableAssumeRoleCredentialsCaching'),
        AssumeRoleMaxConcurrency: [5],
      },
    },
    gcs: plainTable(CACHE_TABLES.gcs),
    azure: plainTable(CACHE_TABLES.azure),
  },
};

const RUNNER_KEYS: TableKeys = {
  acted: [...Object.keys(runnerSchema.shape), ...BOOK_KEEPING],
  maps: keysOf(runnerSchema).maps,
  notYet: {
    ...names(
      `labels proxy_exec referees monitoring use_slot_cgroups
       slot_cgroup_template instance ssh parallels virtualbox machine kubernetes custom autoscaler
       step_runner_image strict_check_interval experimental`,
    ),
    shell: ['bash', 'sh'],
    job_status_final_update_retry_limit: [10],
  },
  tables: {
    docker: DOCKER_KEYS,
    custom_build_dir: plainTable(Object.keys(customBuildDirSchema.shape)),
    artifact: plainTable(Object.keys(artifactSchema.shape)),
    cache: CACHE_KEYS,
  },
};

const ROOT_KEYS: TableKeys = {
  ...keysOf(installationSchema),
  notYet: {
    ...names('labels user sentry_dsn machine experimental'),
    connection_max_age: ['15m', '15m0s', 900e9],
  },
  tables: {
    runners: RUNNER_KEYS,
    session_server: plainTable(Object.keys(sessionServerSchema.shape)),
  },
};

/**
 * The keys of a config file, sorted by how they are treated. Each is named by its path, such as
 * `runners[0].limit`.
 */
export interface SortedKeys {
  /** The same table with only the supported keys, in gitlab-runner's spelling. */
  readonly acted: TomlTable;
  readonly notYet: readonly string[];
  readonly unknown: readonly string[];
  /** Values that should be tables but are not. gitlab-runner ignores them. */
  readonly noTables: readonly string[];
}

export function sortKeys(file: TomlTable): SortedKeys {
  const found = { notYet: [], unknown: [], noTables: [] };
  return { acted: sortTable(file, '', { keys: ROOT_KEYS, found }), ...found };
}

interface Sorting {
  readonly keys: TableKeys;
  readonly found: Readonly<Record<'notYet' | 'unknown' | 'noTables', string[]>>;
}

function sortTable(given: TomlTable, path: string, { keys, found }: Sorting): TomlTable {
  const acted: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    const place = path === '' ? key : `${path}.${key}`;
    const name = findName(keys, key);
    if (name === undefined) found.unknown.push(place);
    else if (keys.maps.includes(name) && !isTable(value)) found.noTables.push(place);
    else if (keys.acted.includes(name))
      acted[name] = sortValue(value, place, { keys: subKeys(keys, name), found });
    else if (!changesNothing(value, keys.notYet[name] ?? [])) found.notYet.push(place);
  }
  return acted;
}

interface ValueSorting {
  readonly keys: TableKeys | undefined;
  readonly found: Sorting['found'];
}

/** Sorts the keys below a value. A value of the wrong type is left for the schema to report. */
function sortValue(value: unknown, path: string, { keys, found }: ValueSorting): unknown {
  if (keys === undefined) return value;
  if (isTable(value)) return sortTable(value, path, { keys, found });
  if (!Array.isArray(value)) return value;
  return value.map((item: unknown, index) =>
    isTable(item) ? sortTable(item, `${path}[${index}]`, { keys, found }) : item,
  );
}

function subKeys({ tables }: TableKeys, name: string): TableKeys | undefined {
  return Object.hasOwn(tables, name) ? tables[name] : undefined;
}

function findName({ acted, notYet }: TableKeys, key: string): string | undefined {
  const all = [...acted, ...Object.keys(notYet)];
  const lower = key.toLowerCase();
  return all.find((name) => name === key) ?? all.find((name) => name.toLowerCase() === lower);
}

function changesNothing(value: unknown, harmless: readonly unknown[]): boolean {
  // Where true is the default, false has been set on purpose and does not mean "not set".
  if (isZero(value)) return value !== false || !harmless.includes(true);
  const bare = JSON.stringify(withoutZeros(value));
  return harmless.some((other) => JSON.stringify(other) === bare);
}

function withoutZeros(value: unknown): unknown {
  if (!isTable(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => !isZero(inner)));
}

/** Whether the value is one that gitlab-runner writes for "not set". */
function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isZero);
  if (isTable(value)) return Object.values(value).every(isZero);
  return value === false || value === 0 || value === '';
}
