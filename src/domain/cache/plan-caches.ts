import type { JobCache, JobPayload } from '../job/payload.ts';
import { appliesAfter, type ScriptsEnd } from '../job/when.ts';
import type { RunnerLineLevel } from '../trace/sections.ts';
import { planAddress, type CacheAddress, type CacheInput } from './address.ts';
import { quoteKey } from './key.ts';

/** A line for the trace. */
export interface CacheLine {
  readonly level: RunnerLineLevel;
  readonly text: string;
}

/** What a stage does with one of the job's caches. */
export type PlannedCache =
  | {
      readonly kind: 'wanted';
      /** Its number in the job's list. */
      readonly index: number;
      readonly cache: JobCache;
      /** Printed before the cache is used. */
      readonly lines: readonly CacheLine[];
      /** In the order in which they are tried; never empty. */
      readonly addresses: readonly [CacheAddress, ...CacheAddress[]];
    }
  | { readonly kind: 'skipped'; readonly index: number; readonly lines: readonly CacheLine[] }
  /** The stage fails, because it is unclear what the job wants. */
  | { readonly kind: 'refused'; readonly message: string };

/** Whether a cache names any files. One that names none is skipped silently. */
function hasCacheFiles({ untracked, paths }: JobCache): boolean {
  return untracked || paths.length > 0;
}

/** Whether the job has caches that a stage has to handle. */
export function hasCaches({ cache }: JobPayload, end?: ScriptsEnd): boolean {
  return cache.some((one) => hasCacheFiles(one) && (end === undefined || appliesAfter(one, end)));
}

/**
 * Plans what to restore before the scripts. Source: gitlab-runner `shells/abstract.go`
 * (cacheExtractor).
 */
export function planRestore(input: CacheInput): readonly PlannedCache[] {
  return planDirection(input, { doing: 'extraction', policy: 'pull', isMeant: hasCacheFiles });
}

/**
 * Plans what to save after the scripts. Source: gitlab-runner `shells/abstract.go` (archiveCache).
 */
export function planSave(input: CacheInput, end: ScriptsEnd): readonly PlannedCache[] {
  const isMeant = (cache: JobCache): boolean => hasCacheFiles(cache) && appliesAfter(cache, end);
  return planDirection(input, { doing: 'archiving', policy: 'push', isMeant });
}

interface Direction {
  readonly doing: 'extraction' | 'archiving';
  readonly policy: 'pull' | 'push';
  readonly isMeant: (cache: JobCache) => boolean;
}

function planDirection(input: CacheInput, direction: Direction): readonly PlannedCache[] {
  return input.context.job.cache.flatMap((cache, index) =>
    direction.isMeant(cache) ? [planCache({ cache, index }, input, direction)] : [],
  );
}

function planCache(
  { cache, index }: { readonly cache: JobCache; readonly index: number },
  input: CacheInput,
  { doing, policy }: Direction,
): PlannedCache {
  const { address, warning } = planAddress(cache.key, input);
  const lines = warningLines(warning);
  if (address === undefined) {
    return { kind: 'skipped', index, lines: [...lines, skipping(doing)] };
  }
  const asked = input.variables.expand(cache.policy);
  switch (asked) {
    case '':
    case 'pull-push':
    case policy:
      break;
    case 'pull':
    case 'push': {
      const verb = policy === 'pull' ? 'downloading' : 'uploading';
      const text = `Not ${verb} cache ${address.title} due to policy`;
      return { kind: 'skipped', index, lines: [...lines, { level: 'info', text }] };
    }
    default:
      return {
        kind: 'refused',
        message: `unknown cache policy ${quoteKey(asked)} for ${address.title}: use pull, push or pull-push`,
      };
  }
  if (policy === 'push') return { kind: 'wanted', index, cache, lines, addresses: [address] };
  const fallbacks = planFallbacks(cache, input);
  return {
    kind: 'wanted',
    index,
    cache,
    lines: [...lines, ...fallbacks.lines],
    addresses: [address, ...fallbacks.addresses],
  };
}

interface Fallbacks {
  readonly lines: readonly CacheLine[];
  readonly addresses: readonly CacheAddress[];
}

/** Source: gitlab-runner `shells/abstract.go` (extractCacheOrFallbackCachesWrapper). */
function planFallbacks(cache: JobCache, input: CacheInput): Fallbacks {
  const { variables } = input;
  const own = cache.fallback_keys.map((key) => variables.expand(key)).filter((key) => key !== '');
  const common = variables.get('CACHE_FALLBACK_KEY');
  const planned = [
    ...own.map((key) => planFallback(key, input)),
    ...(common === '' ? [] : [planCommonFallback(common, input)]),
  ];
  return {
    lines: planned.flatMap(({ lines }) => lines),
    addresses: planned.flatMap(({ addresses }) => addresses),
  };
}

function planFallback(key: string, input: CacheInput): Fallbacks {
  const { address, warning } = planAddress(key, input);
  const lines = warningLines(warning);
  return address === undefined
    ? { lines: [...lines, skipping('extraction')], addresses: [] }
    : { lines, addresses: [address] };
}

/**
 * Plans the common fallback key. Anybody who starts the pipeline may set this variable, so it never
 * gives access to the caches of protected refs. GitLab itself separates the keys from the job's
 * definition with a suffix. The names of objects are checked too, because dots in a hashed key are
 * resolved only there.
 */
function planCommonFallback(key: string, input: CacheInput): Fallbacks {
  const planned = planFallback(key, input);
  const [address] = planned.addresses;
  if (address === undefined) return planned;
  const { humanKey, objectName = '', otherObjectName = '' } = address;
  const isProtected = [humanKey, objectName, otherObjectName].some((name) => PROTECTED.test(name));
  if (!isProtected) return planned;
  const text = `CACHE_FALLBACK_KEY ${quoteKey(humanKey)} not allowed to end in "-protected"`;
  return { lines: [...planned.lines, { level: 'warning', text }], addresses: [] };
}

const PROTECTED = /-protected[. ]*$/;

function skipping(doing: Direction['doing']): CacheLine {
  return { level: 'info', text: `Skipping cache ${doing} due to empty cache key` };
}

function warningLines(warning: string | undefined): readonly CacheLine[] {
  return warning === undefined ? [] : [{ level: 'warning', text: warning }];
}
