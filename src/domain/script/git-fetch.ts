import {
  correlationIdOf,
  gitFiles,
  includeExternalConfig,
  writeExternalConfig,
  writeTemplate,
} from './git-files.ts';
import { removeDirectory, resetGit } from './git-reset.ts';
import { command, quote } from './quote.ts';
import { sayNotice } from './say.ts';
import type { Sources } from './sources.ts';

/** Script lines that create or repair the repository and fetch the job's refs. */
export function fetchSources(sources: Sources): readonly string[] {
  const { context, variables, settings, urls } = sources;
  const { projectDir, featureFlags } = variables;
  const { template, external } = gitFiles(variables);
  const correlationId = correlationIdOf(context);
  return [
    ...(settings.skipsLfs ? [] : ['export GIT_LFS_SKIP_SMUDGE=1']),
    ...(settings.strategy === 'clone'
      ? removeDirectory(projectDir)
      : resetGit(variables, settings)),
    command('rm', '-rf', template),
    ...(context.runner.isDirectoryDistrusted ? [] : trustDirectory(projectDir)),
    ...writeTemplate(variables),
    ...writeExternalConfig(context, variables, { urls, hasRepository: true }),
    // For hooks of the job.
    `export GLR_EXT_GIT_CONFIG_PATH=${quote(external)}`,
    ...(featureFlags.isOn('FF_USE_GITALY_CORRELATION_ID') && correlationId !== undefined
      ? [sayNotice(`Gitaly correlation ID: ${correlationId}`)]
      : []),
    ...(wantsNativeClone(sources) ? cloneOrFetch(sources) : initAndFetch(sources)),
  ];
}

/**
 * Whether git's own clone is used. It only works for a new checkout. Source: gitlab-runner
 * FF_USE_GIT_NATIVE_CLONE.
 */
function wantsNativeClone({ settings, variables }: Sources): boolean {
  return settings.strategy === 'clone' && variables.featureFlags.isOn('FF_USE_GIT_NATIVE_CLONE');
}

function initAndFetch(sources: Sources): readonly string[] {
  const { settings, variables } = sources;
  return [
    sayNotice(
      settings.depth > 0
        ? `Fetching changes with git depth set to ${settings.depth}...`
        : 'Fetching changes...',
    ),
    initRepository(sources),
    command('cd', variables.projectDir),
    ...setRemote(sources),
    ...fetch(sources),
  ];
}

/**
 * Returns script lines for the flag. `git clone --revision` needs git 2.49; an older git fetches as
 * without the flag.
 */
function cloneOrFetch(sources: Sources): readonly string[] {
  return [
    '_runner_git=$(git version)',
    '_runner_git=${_runner_git#git version }',
    '_runner_minor=${_runner_git#*.}',
    'if [ "${_runner_git%%.*}" -gt 2 ] || [ "${_runner_minor%%.*}" -ge 49 ]; then',
    ...clone(sources),
    'else',
    ...initAndFetch(sources),
    'fi',
  ];
}

function clone(sources: Sources): readonly string[] {
  const { context, settings, urls, variables } = sources;
  const { ref } = context.job.git_info;
  const which = ref.startsWith('refs/') ? '--revision' : '--branch';
  const depth = settings.depth > 0 ? ` with git depth set to ${settings.depth}` : '';
  return [
    sayNotice(`Cloning repository${ref === '' ? '' : ` for ${ref}`}${depth}...`),
    command(
      ...['git', ...userAgent(sources), ...proactiveAuth(sources)],
      ...['clone', '--no-checkout', urls.remote, variables.projectDir],
      ...['--template', gitFiles(variables).template],
      ...(settings.depth > 0 ? ['--depth', `${settings.depth}`] : []),
      ...(ref === '' ? [] : [which, ref]),
      ...settings.cloneFlags,
    ),
    command('cd', variables.projectDir),
  ];
}

function userAgent({ context }: Sources): readonly string[] {
  const { name, version, platform } = context.program;
  return ['-c', `http.userAgent=${name} ${version} ${platform}`];
}

/**
 * Returns script lines that make git trust a directory. Root fetches the sources, but the job's
 * user owns them afterwards, or owned them before.
 */
function trustDirectory(dir: string): readonly string[] {
  return [command('git', 'config', '--global', '--add', 'safe.directory', dir)];
}

function initRepository({ context, variables }: Sources): string {
  const { repo_object_format: format } = context.job.git_info;
  return command(
    ...['git', 'init', variables.projectDir, '--template', gitFiles(variables).template],
    ...(format === '' || format === 'sha1' ? [] : ['--object-format', format]),
  );
}

function setRemote({ urls: { remote }, settings, variables }: Sources): readonly string[] {
  return [
    `if ${command('git', 'remote', 'add', 'origin', remote)} >/dev/null 2>&1; then`,
    sayNotice('Created fresh repository.'),
    'else',
    command('git', 'remote', 'set-url', 'origin', remote),
    // A config that was kept is not created from the template again.
    ...(settings.cleansConfig ? [] : includeExternalConfig(variables)),
    'fi',
  ];
}

function fetch(sources: Sources): readonly string[] {
  const { context, settings } = sources;
  const words = [
    ...['git', ...userAgent(sources), ...proactiveAuth(sources)],
    ...['fetch', 'origin', '--no-recurse-submodules', ...context.job.git_info.refspecs],
    ...(settings.depth > 0 ? ['--depth', `${settings.depth}`] : []),
    ...settings.fetchFlags,
  ];
  if (settings.depth > 0) return [command(...words)];
  return [
    'if [ -e .git/shallow ]; then',
    command(...words, '--unshallow'),
    'else',
    command(...words),
    'fi',
  ];
}

function proactiveAuth({ variables, urls }: Sources): readonly string[] {
  if (!variables.featureFlags.isOn('FF_USE_GIT_PROACTIVE_AUTH')) return [];
  const scope = urls.host === '' ? 'http' : `http.${urls.host}`;
  return ['-c', `${scope}.proactiveAuth=basic`];
}

/** Script lines that check out the commit. */
export function checkOut(sources: Sources): readonly string[] {
  const { context, settings } = sources;
  const { sha, ref } = context.job.git_info;
  if (!settings.isCheckedOut) return [sayNotice('Skipping Git checkout')];
  return [
    sayNotice(`Checking out ${sha.slice(0, 8)} as detached HEAD (ref is ${ref})...`),
    command(
      ...['git', '-c', 'submodule.recurse=false', ...proactiveAuth(sources)],
      ...['checkout', '-f', '-q', sha],
    ),
    ...(settings.cleanFlags.length > 0 ? [command('git', 'clean', ...settings.cleanFlags)] : []),
    ...(settings.skipsLfs
      ? []
      : ['if git lfs version >/dev/null 2>&1; then', 'git lfs pull', 'echo', 'fi']),
  ];
}
