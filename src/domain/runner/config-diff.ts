import type { InstallationConfig, RunnerConfig } from './config.ts';
import { GLOBAL_COMPARISONS, RUNNER_COMPARISONS } from './setting-comparisons.ts';
import type { ConfigChange } from './setting-comparison.ts';

export type { ConfigChange } from './setting-comparison.ts';

/** How one `[[runners]]` entry changed. */
export interface RunnerDiff {
  readonly kind: 'added' | 'removed' | 'changed';
  /** Key of the current entry, or the former key of a removed one. */
  readonly key: string;
  readonly name: string;
  /** Empty for an entry that was added or removed. */
  readonly changes: readonly ConfigChange[];
}

/**
 * The differences between two versions of a config.toml. Contains no secret, so it may be logged.
 */
export interface ConfigDiff {
  /** Changes of the keys above all entries. */
  readonly changes: readonly ConfigChange[];
  /** Only entries that differ: current ones in the file's order, then removed ones. */
  readonly runners: readonly RunnerDiff[];
}

/**
 * Compares two versions key by key. An entry whose url or token changed has another key. It counts
 * as the same entry when each version has exactly one unpaired entry with its name.
 */
export function diffConfigs(before: InstallationConfig, after: InstallationConfig): ConfigDiff {
  const pairs = pairRunners(before.runners, after.runners);
  const last = new Set(pairs.map(({ old }) => old));
  return {
    changes: GLOBAL_COMPARISONS(before, after, ''),
    runners: [
      ...pairs.flatMap(diffRunner),
      ...before.runners
        .filter((runner) => !last.has(runner))
        .map(({ key, name }) => ({ kind: 'removed' as const, key, name, changes: [] })),
    ],
  };
}

interface RunnerPair {
  readonly old: RunnerConfig | undefined;
  readonly now: RunnerConfig;
}

function pairRunners(
  before: readonly RunnerConfig[],
  after: readonly RunnerConfig[],
): readonly RunnerPair[] {
  const isIn = (all: readonly RunnerConfig[], { key }: RunnerConfig): boolean =>
    all.some((other) => other.key === key);
  const gone = before.filter((runner) => !isIn(after, runner));
  const fresh = after.filter((runner) => !isIn(before, runner));
  return after.map((now) => ({
    now,
    old: before.find(({ key }) => key === now.key) ?? onlyOfName(gone, fresh, now),
  }));
}

function onlyOfName(
  gone: readonly RunnerConfig[],
  fresh: readonly RunnerConfig[],
  { key, name }: RunnerConfig,
): RunnerConfig | undefined {
  const [twin, ...others] = gone.filter((runner) => runner.name === name);
  const isOnly = fresh.every((runner) => runner.name !== name || runner.key === key);
  return isOnly && others.length === 0 ? twin : undefined;
}

function diffRunner({ old, now }: RunnerPair): readonly RunnerDiff[] {
  const { key, name } = now;
  if (old === undefined) return [{ kind: 'added', key, name, changes: [] }];
  const changes = RUNNER_COMPARISONS(old, now, 'runners');
  return changes.length === 0 ? [] : [{ kind: 'changed', key, name, changes }];
}
