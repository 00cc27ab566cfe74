import type { InstallationConfig, RunnerConfig } from './config.ts';
import { GLOBAL_WORDS, RUNNER_WORDS } from './config-words.ts';
import type { ConfigChange } from './config-word.ts';

export type { ConfigChange } from './config-word.ts';

/** What became of one `[[runners]]` entry. */
export interface RunnerDiff {
  readonly kind: 'added' | 'removed' | 'changed';
  /** Of the entry as it is now; of a removed one, as it was. */
  readonly key: string;
  readonly name: string;
  /** None for an entry that was added or removed. */
  readonly changes: readonly ConfigChange[];
}

/** What differs between two readings of a config.toml. Holds no secret: fit for a log. */
export interface ConfigDiff {
  /** Of the keys that stand above all entries. */
  readonly changes: readonly ConfigChange[];
  /** Only entries that differ: those that are there now in the file's order, then removed ones. */
  readonly runners: readonly RunnerDiff[];
}

/**
 * Compares two readings, key by key. An entry whose url or token was changed has another key: it is
 * taken for the same one when both readings have one entry of its name that the keys do not pair.
 */
export function diffConfigs(before: InstallationConfig, after: InstallationConfig): ConfigDiff {
  const pairs = pairRunners(before.runners, after.runners);
  const last = new Set(pairs.map(({ old }) => old));
  return {
    changes: GLOBAL_WORDS(before, after, ''),
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
  const changes = RUNNER_WORDS(old, now, 'runners');
  return changes.length === 0 ? [] : [{ kind: 'changed', key, name, changes }];
}
