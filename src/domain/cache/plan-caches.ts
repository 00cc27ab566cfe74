import type { JobCache, JobPayload } from '../job/payload.ts';
import type { RunnerLineLevel } from '../trace/sections.ts';
import { planAddress, type CacheAddress, type CacheQuestion } from './address.ts';
import { quote } from './key.ts';

/** A line for the trace. */
export interface CacheLine {
  readonly level: RunnerLineLevel;
  readonly text: string;
}

/** What becomes of one of the job's caches in a stage. */
export type CacheOrder =
  | {
      readonly kind: 'wanted';
      /** Its number in the job's list. */
      readonly index: number;
      readonly cache: JobCache;
      /** Said first. */
      readonly lines: readonly CacheLine[];
      /** In the order in which they are tried; never empty. */
      readonly addresses: readonly [CacheAddress, ...CacheAddress[]];
    }
  | { readonly kind: 'skipped'; readonly index: number; readonly lines: readonly CacheLine[] }
  /** The stage fails: nobody knows what the job wants. */
  | { readonly kind: 'refused'; readonly message: string };

/** Whether a cache names any files: one without is passed over in silence. */
export function hasCacheFiles({ untracked, paths }: JobCache): boolean {
  return untracked || paths.length > 0;
}

/** Whether a cache is saved after scripts that ended so. Source: gitlab-runner `common/spec`. */
export function isSavedAfter({ when }: JobCache, end: 'success' | 'failure'): boolean {
  if (when === 'always') return true;
  return end === 'success' ? when === '' || when === 'on_success' : when === 'on_failure';
}

/** Whether the job has caches that a stage has to look at. */
export function hasCaches({ cache }: JobPayload, end?: 'success' | 'failure'): boolean {
  return cache.some((one) => hasCacheFiles(one) && (end === undefined || isSavedAfter(one, end)));
}

/** What to restore before the scripts. Source: gitlab-runner `shells/abstract.go` (cacheExtractor). */
export function planRestore(question: CacheQuestion): readonly CacheOrder[] {
  return planOrders(question, { doing: 'extraction', policy: 'pull', isMeant: hasCacheFiles });
}

/** What to save after the scripts. Source: gitlab-runner `shells/abstract.go` (archiveCache). */
export function planSave(
  question: CacheQuestion,
  end: 'success' | 'failure',
): readonly CacheOrder[] {
  const isMeant = (cache: JobCache): boolean => hasCacheFiles(cache) && isSavedAfter(cache, end);
  return planOrders(question, { doing: 'archiving', policy: 'push', isMeant });
}

interface Direction {
  readonly doing: 'extraction' | 'archiving';
  readonly policy: 'pull' | 'push';
  readonly isMeant: (cache: JobCache) => boolean;
}

function planOrders(question: CacheQuestion, direction: Direction): readonly CacheOrder[] {
  return question.context.job.cache.flatMap((cache, index) =>
    direction.isMeant(cache) ? [planOrder({ cache, index }, question, direction)] : [],
  );
}

function planOrder(
  { cache, index }: { readonly cache: JobCache; readonly index: number },
  question: CacheQuestion,
  { doing, policy }: Direction,
): CacheOrder {
  const { address, warning } = planAddress(cache.key, question);
  const lines = warningLines(warning);
  if (address === undefined) {
    return { kind: 'skipped', index, lines: [...lines, skipping(doing)] };
  }
  const asked = question.variables.expand(cache.policy);
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
        message: `unknown cache policy ${quote(asked)} for ${address.title}: use pull, push or pull-push`,
      };
  }
  if (policy === 'push') return { kind: 'wanted', index, cache, lines, addresses: [address] };
  const fallbacks = planFallbacks(cache, question);
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
function planFallbacks(cache: JobCache, question: CacheQuestion): Fallbacks {
  const { variables } = question;
  const own = cache.fallback_keys.map((key) => variables.expand(key)).filter((key) => key !== '');
  const common = variables.get('CACHE_FALLBACK_KEY');
  const planned = [
    ...own.map((key) => planFallback(key, question)),
    ...(common === '' ? [] : [planCommonFallback(common, question)]),
  ];
  return {
    lines: planned.flatMap(({ lines }) => lines),
    addresses: planned.flatMap(({ addresses }) => addresses),
  };
}

function planFallback(key: string, question: CacheQuestion): Fallbacks {
  const { address, warning } = planAddress(key, question);
  const lines = warningLines(warning);
  return address === undefined
    ? { lines: [...lines, skipping('extraction')], addresses: [] }
    : { lines, addresses: [address] };
}

/**
 * A variable is set by whoever starts the pipeline: what protected refs have saved is not for it.
 * The keys of the job's definition are kept apart by GitLab, which ends them itself.
 */
function planCommonFallback(key: string, question: CacheQuestion): Fallbacks {
  const planned = planFallback(key, question);
  const [address] = planned.addresses;
  if (address === undefined || !/-protected[. ]*$/.test(address.humanKey)) return planned;
  const text = `CACHE_FALLBACK_KEY ${quote(address.humanKey)} not allowed to end in "-protected"`;
  return { lines: [...planned.lines, { level: 'warning', text }], addresses: [] };
}

function skipping(doing: Direction['doing']): CacheLine {
  return { level: 'info', text: `Skipping cache ${doing} due to empty cache key` };
}

function warningLines(warning: string | undefined): readonly CacheLine[] {
  return warning === undefined ? [] : [{ level: 'warning', text: warning }];
}
