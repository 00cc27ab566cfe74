import type { BuildContext } from '../context/context.ts';
import type { Variables } from '../variables/variables.ts';

/** How the checkout is made. Source: `GIT_STRATEGY`. */
export type GitStrategy = 'fetch' | 'clone' | 'none' | 'empty';

/** `invalid`: the job asks for a strategy that does not exist, and fails. */
export type SubmoduleStrategy = 'none' | 'normal' | 'recursive' | 'invalid';

/** The job's settings for fetching its sources. */
export interface GitSettings {
  readonly strategy: GitStrategy;
  readonly isCheckedOut: boolean;
  /** Number of commits to fetch; 0 is all of them. */
  readonly depth: number;
  readonly fetchFlags: readonly string[];
  /** Flags for `git clone` itself, which needs a feature flag and a recent git. */
  readonly cloneFlags: readonly string[];
  /** True: git's config and hooks are removed from a kept checkout, before and after the job. */
  readonly cleansConfig: boolean;
  /** Empty: nothing is cleaned. */
  readonly cleanFlags: readonly string[];
  /** True: the job fetches LFS files itself. */
  readonly skipsLfs: boolean;
  readonly submodules: SubmoduleStrategy;
  readonly submoduleDepth: number;
  readonly submodulePaths: readonly string[];
  readonly submoduleUpdateFlags: readonly string[];
}

const STRATEGIES: readonly GitStrategy[] = ['fetch', 'clone', 'none', 'empty'];

/**
 * The job's `GIT_*` variables. An unusable value counts as unset; `settingsWarnings` reports it.
 * Source: gitlab-runner `common/build_settings.go`.
 */
export function readGitSettings({ job, runner }: BuildContext, variables: Variables): GitSettings {
  const strategy =
    STRATEGIES.find((known) => known === variables.get('GIT_STRATEGY')) ??
    (job.allow_git_fetch ? 'fetch' : 'clone');
  const hasRepository = strategy === 'fetch' || strategy === 'clone';
  const { depth } = job.git_info;
  return {
    strategy,
    isCheckedOut: hasRepository && variables.flag('GIT_CHECKOUT', true),
    depth,
    fetchFlags: flagsOf(variables, 'GIT_FETCH_EXTRA_FLAGS', ['--prune', '--quiet']),
    cloneFlags: flagsOf(variables, 'GIT_CLONE_EXTRA_FLAGS', []),
    cleansConfig: runner.cleansGitConfig ?? strategy !== 'none',
    cleanFlags: flagsOf(variables, 'GIT_CLEAN_FLAGS', ['-ffdx']),
    skipsLfs: variables.flag('GIT_LFS_SKIP_SMUDGE', false),
    submodules: hasRepository ? submoduleStrategy(variables) : 'none',
    submoduleDepth: variables.integer('GIT_SUBMODULE_DEPTH', depth),
    submodulePaths: words(variables.get('GIT_SUBMODULE_PATHS')),
    submoduleUpdateFlags: flagsOf(variables, 'GIT_SUBMODULE_UPDATE_FLAGS', []),
  };
}

function submoduleStrategy(variables: Variables): SubmoduleStrategy {
  const wanted = variables.get('GIT_SUBMODULE_STRATEGY');
  if (wanted === '' || wanted === 'none') return 'none';
  return wanted === 'normal' || wanted === 'recursive' ? wanted : 'invalid';
}

/** Parses flags. `none` means no flags. */
function flagsOf(
  variables: Variables,
  key: string,
  fallback: readonly string[],
): readonly string[] {
  const text = variables.get(key);
  if (text === '') return fallback;
  return text === 'none' ? [] : words(text);
}

/** Splits a text like Go's `strings.Fields`: without quotes and escapes. */
function words(text: string): readonly string[] {
  return text.split(/[\s\u0085]+/).filter((word) => word !== '');
}
