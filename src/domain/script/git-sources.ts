import type { BuildContext } from '../build/context.ts';
import type { Variables } from '../job/variables.ts';
import { formatCommands } from './commands.ts';
import { envFile, exportForHelper } from './exports.ts';
import {
  correlationIdOf,
  exportGlobalGitConfig,
  gitFiles,
  writeExternalConfig,
  writeGlobalGitConfig,
  writeTemplate,
} from './git-files.ts';
import { removeDirectory, resetGit, resetSubmodules } from './git-reset.ts';
import { readGitSettings, type GitSettings } from './git-settings.ts';
import { updateSubmodules } from './git-submodules.ts';
import { planGitUrls, type GitUrls } from './git-urls.ts';
import { command, quote } from './quote.ts';
import { sayNotice } from './say.ts';
import { commandStyle, present } from './user-script.ts';

/** Everything that the parts of this stage go by. */
export interface Sources {
  readonly context: BuildContext;
  readonly variables: Variables;
  readonly settings: GitSettings;
  readonly urls: GitUrls;
}

/** Body of `get_sources`, in the helper. Source: gitlab-runner `shells/abstract.go`. */
export function sourcesBody(context: BuildContext, variables: Variables): readonly string[] {
  const sources = {
    ...{ context, variables },
    settings: readGitSettings(context, variables),
    urls: planGitUrls(context, variables),
  };
  const { begun } = gitFiles(variables);
  return [
    ...exportForHelper(variables),
    'export GIT_TERMINAL_PROMPT=0 GCM_INTERACTIVE=Never',
    `export GITLAB_ENV=${quote(envFile(context, variables))}`,
    command('mkdir', '-p', variables.tempDir),
    ...setUpGlobalConfig(sources),
    ...runHooks(sources, 'pre_clone_script', [
      ...present(context.runner.preGetSourcesScript),
      ...hook(context, 'pre_get_sources_script'),
    ]),
    ...clearAfterFailure(sources),
    `: >${quote(begun)}`,
    ...getSources(sources),
    ...updateSubmodules(sources),
    ...runHooks(sources, 'post_clone_script', [
      ...hook(context, 'post_get_sources_script'),
      ...present(context.runner.postGetSourcesScript),
    ]),
    ...rejectCredentials(sources.urls),
    command('rm', '-f', begun),
  ];
}

/** Settings for git wherever it is called: TLS of the coordinator, and where the token comes from. */
function setUpGlobalConfig({ context, variables, settings, urls }: Sources): readonly string[] {
  const hasRepository = settings.strategy === 'fetch' || settings.strategy === 'clone';
  const isTokenless = variables.featureFlags.isOn('FF_GIT_URLS_WITHOUT_TOKENS');
  return [
    ...(isTokenless ? writeGlobalGitConfig(variables) : []),
    ...(isTokenless && !hasRepository
      ? writeExternalConfig(context, variables, { urls, hasRepository })
      : []),
    ...exportGlobalGitConfig(variables),
    ...tlsSettings(context, urls).map(
      ([name, variable]) =>
        `git config --global ${quote(`http.${urls.host}.${name}`)} "$${variable}"`,
    ),
  ];
}

function tlsSettings(
  context: BuildContext,
  { host }: GitUrls,
): readonly (readonly [string, string])[] {
  if (host === '') return [];
  const hasCertificate = context.tlsCertPem !== undefined && context.tlsKeyPem !== undefined;
  return [
    ...(context.tlsCaPem === undefined ? [] : [['sslCAInfo', 'CI_SERVER_TLS_CA_FILE'] as const]),
    ...(hasCertificate
      ? ([
          ['sslCert', 'CI_SERVER_TLS_CERT_FILE'],
          ['sslKey', 'CI_SERVER_TLS_KEY_FILE'],
        ] as const)
      : []),
  ];
}

function hook({ job }: BuildContext, name: string): readonly string[] {
  return job.hooks.find((hook) => hook.name === name)?.script ?? [];
}

function runHooks(
  { context, variables, settings }: Sources,
  prefix: string,
  commands: readonly string[],
): readonly string[] {
  if (settings.strategy === 'none' || settings.strategy === 'empty') return [];
  return formatCommands(prefix, commands, commandStyle(context, variables));
}

/**
 * Before another try: what `git clean` does not help against, such as a file in the place of a
 * submodule, goes. Source: gitlab-runner `shells/abstract.go` (writeClearWorktreeScript).
 */
function clearAfterFailure({ variables, settings }: Sources): readonly string[] {
  if (settings.strategy !== 'fetch') return [];
  const { begun } = gitFiles(variables);
  return [
    `if [ -e ${quote(begun)} ] && [ -d ${quote(`${variables.projectDir}/.git`)} ]; then`,
    sayNotice('Deleting tracked and untracked files...'),
    ...resetGit(variables, settings),
    `( cd ${quote(variables.projectDir)} && git rm -rf --ignore-unmatch --quiet . && git clean -ffdx -q ) || true`,
    'fi',
  ];
}

function getSources(sources: Sources): readonly string[] {
  const { variables, settings } = sources;
  switch (settings.strategy) {
    case 'fetch':
    case 'clone':
      return [...fetchSources(sources), ...checkOut(sources)];
    case 'none':
      return [
        sayNotice('Skipping Git repository setup'),
        command('mkdir', '-p', variables.projectDir),
        sayNotice('Skipping Git checkout'),
      ];
    case 'empty':
      return [
        sayNotice('Skipping Git repository setup and creating an empty build directory'),
        ...removeDirectory(variables.projectDir),
        command('mkdir', '-p', variables.projectDir),
        sayNotice('Skipping Git checkout'),
      ];
  }
}

function fetchSources(sources: Sources): readonly string[] {
  const { context, variables, settings, urls } = sources;
  const { projectDir, featureFlags } = variables;
  const { template } = gitFiles(variables);
  const correlationId = correlationIdOf(context);
  return [
    ...(settings.skipsLfs ? [] : ['export GIT_LFS_SKIP_SMUDGE=1']),
    ...(settings.strategy === 'clone' ? removeDirectory(projectDir) : resetKept(sources)),
    command('rm', '-rf', template),
    ...trustDirectory(projectDir),
    ...writeTemplate(variables),
    ...writeExternalConfig(context, variables, { urls, hasRepository: true }),
    ...(featureFlags.isOn('FF_USE_GITALY_CORRELATION_ID') && correlationId !== undefined
      ? [sayNotice(`Gitaly correlation ID: ${correlationId}`)]
      : []),
    sayNotice(
      settings.depth > 0
        ? `Fetching changes with git depth set to ${settings.depth}...`
        : 'Fetching changes...',
    ),
    initRepository(sources),
    command('cd', projectDir),
    ...setRemote(urls),
    ...fetch(sources),
  ];
}

/** What an earlier job left is only data. */
function resetKept({ variables, settings }: Sources): readonly string[] {
  return [
    ...resetGit(variables, settings),
    ...(settings.submodules === 'none' ? [] : resetSubmodules(variables)),
  ];
}

/** Root gets the sources, and whoever runs the job owns them afterwards, or did before. */
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

function setRemote({ remote }: GitUrls): readonly string[] {
  return [
    `if ${command('git', 'remote', 'add', 'origin', remote)} >/dev/null 2>&1; then`,
    sayNotice('Created fresh repository.'),
    'else',
    command('git', 'remote', 'set-url', 'origin', remote),
    'fi',
  ];
}

function fetch(sources: Sources): readonly string[] {
  const { context, settings } = sources;
  const { name, version, platform } = context.program;
  const words = [
    ...['git', '-c', `http.userAgent=${name} ${version} ${platform}`, ...proactiveAuth(sources)],
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

function checkOut(sources: Sources): readonly string[] {
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

/**
 * Has a credential helper of the job's own wish forget the token. What comes of it does not matter.
 * Source: gitlab-runner `shells/abstract.go` (writeClearGitCredentials).
 */
export function rejectCredentials({ host }: GitUrls): readonly string[] {
  if (!/^(?:https?|ssh):\/\/./.test(host)) return [];
  const request = `url=${host}\nusername=gitlab-ci-token\n`;
  return [`printf '%s' ${quote(request)} | git credential reject || true`];
}
