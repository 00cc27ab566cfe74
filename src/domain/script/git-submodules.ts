import { gitFiles } from './git-files.ts';
import { linkSubmodules, removeSubmodules } from './git-reset.ts';
import { command } from './quote.ts';
import { failWith, sayNotice, sayWarning } from './say.ts';
import type { GitSettings } from './git-settings.ts';
import type { Sources } from './sources.ts';

/**
 * Script lines that update the submodules to the commit, with one retry. Source: gitlab-runner
 * `shells/abstract.go` (writeSubmoduleUpdateCmd).
 */
export function updateSubmodules(sources: Sources): readonly string[] {
  const { submodules, submodulePaths } = sources.settings;
  if (submodules === 'none') return [sayNotice('Skipping Git submodules setup')];
  if (submodules === 'invalid') return failWith('unknown GIT_SUBMODULE_STRATEGY');
  if (submodulePaths.includes(':(exclude)')) {
    return failWith(
      `GIT_SUBMODULE_PATHS: invalid submodule pathspec "${submodulePaths.join(' ')}"`,
    );
  }
  return update(sources);
}

function update(sources: Sources): readonly string[] {
  const { settings } = sources;
  const { sync, foreach, clean, include } = commandsOf(sources);
  const reset = [...foreach, 'git', 'reset', '--hard'];
  const remoteHeads = [...foreach, 'git', 'fetch', 'origin', '+refs/heads/*:refs/remotes/origin/*'];
  const wantsRemote = settings.submoduleUpdateFlags.some((flag) => /^--remote$/i.test(flag));
  return [
    sayNotice(announcement(sources)),
    ...(settings.cleansConfig ? linkSubmodules() : []),
    command('git', 'submodule', 'init'),
    ...(settings.cleansConfig && settings.submodules === 'recursive' ? linkNested() : []),
    command('git', ...sync),
    ...(wantsRemote ? [command('git', ...foreach, '--quiet', ...SET_REFSPEC)] : []),
    command('git', ...clean),
    command('git', ...reset),
    `if ${updateAll(sources).join(' && ')}; then`,
    sayNotice('Updated submodules'),
    command('git', ...sync),
    'else',
    sayWarning('Updating submodules failed. Retrying...'),
    command('git', ...sync),
    ...(wantsRemote ? [command('git', ...include, ...remoteHeads)] : []),
    ...updateAll(sources),
    command('git', ...reset),
    'fi',
    command('git', ...clean),
    ...finish(sources, foreach),
  ];
}

/** Makes `--remote` see the new heads: the refspec was in the config that is removed. */
const SET_REFSPEC = [
  ...['git', 'config', 'remote.origin.fetch', '+refs/heads/*:refs/remotes/origin/*'],
];

/** Sets the addresses of a repository's submodules, which were in the config that is removed. */
const SET_ADDRESSES = ['git submodule --quiet init', 'git submodule --quiet sync'];

/**
 * Script lines that link the nested submodules, each level after the one above it. What they link
 * is of an earlier job, whose commit may have been at fault: git enters no submodule that has a
 * nested one without an address in `.gitmodules`. The new commit may be better, so then all
 * submodules are checked out again.
 */
function linkNested(): readonly string[] {
  const level = ['set -e', ...linkSubmodules(), ...SET_ADDRESSES].join('\n');
  const deeper = ['git', 'submodule', 'foreach', '--quiet', '--recursive', level];
  return [
    'git submodule --quiet sync',
    `if ! ${command(...deeper)}; then`,
    sayWarning('Submodules of an earlier job cannot be kept. Checking them out again...'),
    ...removeSubmodules(),
    'fi',
  ];
}

/**
 * Returns shell commands, each of which must succeed. Git's own recursion would enter whatever an
 * earlier job planted in the place of a nested submodule. So each level is checked before git goes
 * deeper.
 */
function updateAll(sources: Sources): readonly string[] {
  const { settings } = sources;
  const { foreach, include, update, recursion, paths } = commandsOf(sources);
  if (settings.submodules !== 'recursive') return [command('git', ...include, ...update, ...paths)];
  if (!settings.cleansConfig) {
    return [command('git', ...include, ...update, ...recursion, ...paths)];
  }
  const level = [
    'set -e',
    ...linkSubmodules(),
    ...SET_ADDRESSES,
    command('git', ...include, ...update),
  ];
  const deeper = ['git', ...include, ...foreach, '--quiet', level.join('\n')];
  return [command('git', ...include, ...update, ...paths), command(...deeper)];
}

function commandsOf({ variables, settings }: Sources) {
  const recursive = settings.submodules === 'recursive' ? ['--recursive'] : [];
  const paths = settings.submodulePaths.length > 0 ? ['--', ...settings.submodulePaths] : [];
  const depth = settings.submoduleDepth > 0 ? ['--depth', `${settings.submoduleDepth}`] : [];
  const cleanFlags = settings.cleanFlags.length > 0 ? settings.cleanFlags : ['-ffdx'];
  const foreach = ['submodule', 'foreach', ...recursive];
  return {
    foreach,
    paths,
    recursion: recursive,
    sync: ['submodule', 'sync', ...recursive, ...paths],
    update: [...['submodule', 'update', '--init', ...depth], ...settings.submoduleUpdateFlags],
    clean: [...foreach, 'git', 'clean', ...cleanFlags],
    // A fetch in a submodule must not enter nested ones, which may be planted.
    include: [
      ...['-c', `include.path=${gitFiles(variables).external}`],
      ...['-c', 'fetch.recurseSubmodules=false'],
    ],
  };
}

/**
 * Script lines that reset the submodules to the commit after a job. They run in the project
 * directory and fetch nothing. Source: gitlab-runner `shells/abstract.go`
 * (writeCleanupBuildDirectoryScript).
 */
export function cleanSubmodules({
  submodules,
  cleanFlags,
  cleansConfig,
}: GitSettings): readonly string[] {
  if (submodules !== 'normal' && submodules !== 'recursive') return [];
  const recursive = submodules === 'recursive' ? ['--recursive'] : [];
  const foreach = ['git', 'submodule', 'foreach', '--quiet', ...recursive];
  return [
    ...(cleansConfig ? linkSubmodules() : []),
    ...(cleansConfig && submodules === 'recursive'
      ? [command(...foreach, linkSubmodules().join('\n'))]
      : []),
    ...(cleanFlags.length > 0 ? [command(...foreach, 'git', 'clean', ...cleanFlags)] : []),
    command(...foreach, 'git', 'reset', '--hard'),
  ];
}

/**
 * Returns the last script lines. Commands of the job inside a submodule find the credentials too.
 */
function finish({ variables, settings }: Sources, foreach: readonly string[]): readonly string[] {
  const { external } = gitFiles(variables);
  // Nested submodules that the strategy leaves out are an earlier job's, and may be planted.
  const everywhere = settings.cleansConfig ? foreach : ['submodule', 'foreach', '--recursive'];
  const lfs = ['-c', `include.path=${external}`, ...foreach, 'git', 'lfs', 'pull'];
  return [
    sayNotice('Configuring submodules to use parent git credentials...'),
    command('git', ...everywhere, 'git', 'config', '--replace-all', 'include.path', external),
    ...(settings.skipsLfs
      ? []
      : [
          'if git lfs version >/dev/null 2>&1; then',
          sayNotice('Pulling LFS files...'),
          command('git', ...lfs),
          'fi',
        ]),
  ];
}

function announcement({ settings }: Sources): string {
  const how = settings.submodules === 'recursive' ? ' recursively' : '';
  const depth =
    settings.submoduleDepth > 0 ? ` with git depth set to ${settings.submoduleDepth}` : '';
  return `Updating/initializing submodules${how}${depth}...`;
}
