import type { BuildContext } from '../context/context.ts';
import { joinPath, planProjectDir } from '../job/project-dir.ts';
import type { Variables } from '../variables/variables.ts';
import type { Digests } from '../runner/digests.ts';
import { shortToken } from '../context/names.ts';
import type { CacheConfig } from '../runner/cache-config.ts';
import { quoteKey, sanitizeCacheKey } from './key.ts';

/** The facts that the address of a cache depends on. */
export interface CacheInput {
  readonly context: BuildContext;
  readonly variables: Variables;
  readonly digests: Digests;
}

/** Where one cache is kept. */
export interface CacheAddress {
  /** The key for people: one line, for the trace. */
  readonly title: string;
  /** The key as it is, for the store's metadata. */
  readonly humanKey: string;
  /** Absolute directory of the archive in the build's containers. */
  readonly directory: string;
  /** Name of the object in the store; undefined when there is no store. */
  readonly objectName: string | undefined;
  /**
   * The name under the opposite value of FF_HASH_CACHE_KEYS. An older archive may still have it.
   */
  readonly otherObjectName: string | undefined;
}

/** Where a cache is kept, with warnings about its key. */
export interface AddressAnswer {
  /** undefined when the key names no path below the project. */
  readonly address: CacheAddress | undefined;
  readonly warning: string | undefined;
}

/**
 * Decides where the cache of a key is kept. Variables in the key are expanded. An empty key becomes
 * the name of the job and its ref. Source: gitlab-runner `shells/abstract.go` (newCacheConfig).
 */
export function planAddress(key: string, input: CacheInput): AddressAnswer {
  const { context, variables, digests } = input;
  const { job_info, git_info } = context.job;
  const rawKey =
    key === '' ? joinPath('/', job_info.name, git_info.ref).slice(1) : variables.expand(key);
  const isHashed = variables.featureFlags.isOn('FF_HASH_CACHE_KEYS');
  const { key: humanKey, warning } = isHashed
    ? { key: rawKey, warning: undefined }
    : sanitizeCacheKey(rawKey);
  if (humanKey === '') return { address: undefined, warning };
  const hash = digests.sha256Hex(humanKey);
  const names = isHashed
    ? { key: hash, object: shard(hash), other: humanKey }
    : { key: humanKey, object: humanKey, other: shard(hash) };
  const address = {
    title: quoteKey(humanKey).slice(1, -1),
    humanKey,
    directory: joinPath(cacheRoot(input), names.key),
    objectName: objectName(context, names.object),
    otherObjectName: objectName(context, names.other),
  };
  return { address, warning };
}

/** Spreads objects over 256 prefixes of a bucket. Source: gitlab-runner `cache/cache.go`. */
function shard(hash: string): string {
  return `${hash.slice(0, 2)}/${hash}`;
}

/**
 * Directory of the project's caches in the containers. It is gitlab-runner's path, so that caches
 * saved by gitlab-runner in the same volumes are found. Source: gitlab-runner `common/build.go`
 * (StartBuild, ProjectUniqueDir).
 */
export function cacheRoot({ context, variables }: Omit<CacheInput, 'digests'>): string {
  const { dir } = planProjectDir({
    buildsDir: context.runner.cacheDir,
    isShared: false,
    repoUrl: context.job.git_info.repo_url,
    projectId: context.job.job_info.project_id,
    shortToken: shortToken(context.runner.token),
    concurrentProjectId: context.concurrentProjectId,
    clonePath: '',
    isClonePathForbidden: false,
    gitStrategy: variables.get('GIT_STRATEGY'),
  });
  return dir;
}

/**
 * Returns undefined when the name would leave the project's own prefix. Source: gitlab-runner
 * `cache/cache.go`.
 */
function objectName({ runner, job }: BuildContext, key: string): string | undefined {
  const { cache } = runner;
  if (cache === undefined || cache.type === '') return undefined;
  const project = joinPath(
    cache.path,
    ...namespace(cache, runner.token),
    `project/${job.job_info.project_id}`,
  );
  const name = joinPath(project, key);
  return name.startsWith(`${project}/`) ? name : undefined;
}

function namespace({ isShared }: CacheConfig, token: string): readonly string[] {
  return isShared ? [] : ['runner', shortToken(token)];
}
