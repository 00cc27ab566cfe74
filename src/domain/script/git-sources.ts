import type { BuildContext } from '../context/context.ts';
import type { Variables } from '../variables/variables.ts';
import { formatCommands } from './commands.ts';
import { envFile, exportForHelper } from './exports.ts';
import { checkOut, fetchSources } from './git-fetch.ts';
import { exportGlobalGitConfig, writeExternalConfig, writeGlobalGitConfig } from './git-files.ts';
import { removeDirectory, resetGit, unlinkSubmodules } from './git-reset.ts';
import { readGitSettings } from './git-settings.ts';
import { updateSubmodules } from './git-submodules.ts';
import { planGitUrls, type GitUrls } from './git-urls.ts';
import { command, quote } from './quote.ts';
import { sayNotice, sayPlain } from './say.ts';
import type { Sources } from './sources.ts';
import { commandStyle, present } from './user-script.ts';

/**
 * Body of `get_sources`, which runs in the helper. `owner`, as `uid:gid`, gets the files when it is
 * known. Source: gitlab-runner `shells/abstract.go`.
 */
export function sourcesBody(
  context: BuildContext,
  variables: Variables,
  { attempt, owner }: { readonly attempt: number; readonly owner?: string | undefined },
): readonly string[] {
  const sources = {
    context,
    variables,
    settings: readGitSettings(context, variables),
    urls: planGitUrls(context, variables),
  };
  return [
    ...exportForHelper(variables),
    'export GIT_TERMINAL_PROMPT=0 GCM_INTERACTIVE=Never',
    `export GITLAB_ENV=${quote(envFile(context, variables))}`,
    ...setUpGlobalConfig(sources),
    ...runHooks(sources, 'pre_clone_script', [
      ...present(context.runner.preGetSourcesScript),
      ...hook(context, 'pre_get_sources_script'),
    ]),
    ...(attempt === 2 ? clearWorkTree(sources) : []),
    ...getSources(sources),
    ...updateSubmodules(sources),
    ...runHooks(sources, 'post_clone_script', [
      ...hook(context, 'post_get_sources_script'),
      ...present(context.runner.postGetSourcesScript),
    ]),
    ...rejectCredentials(sources.urls),
    ...(owner === undefined ? [] : giveFiles(owner, variables)),
  ];
}

/**
 * Gives the files to their owner, without umask 0000. Source: gitlab-runner
 * `executors/docker/docker_command.go` (executeChown).
 */
function giveFiles(owner: string, { projectDir, tempDir }: Variables): readonly string[] {
  return [projectDir, tempDir].flatMap((dir) => [
    sayPlain(`Changing ownership of files at ${JSON.stringify(dir)} to ${owner}`),
    command('chown', '-RP', '--', owner, dir),
  ]);
}

/** Writes settings for every git command: the coordinator's TLS, and the source of the token. */
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
 * Removes what `git clean` keeps, such as a file in the place of a submodule. It runs only before the
 * second attempt of the stage: a script that is repeated within an attempt keeps the checkout.
 * Source: gitlab-runner `common/build.go` (executePrepareScripts), `shells/abstract.go`
 * (writeClearWorktreeScript).
 */
function clearWorkTree({ variables, settings }: Sources): readonly string[] {
  if (settings.strategy !== 'fetch') return [];
  return [
    `if [ -d ${quote(`${variables.projectDir}/.git`)} ]; then`,
    sayNotice('Deleting tracked and untracked files...'),
    ...resetGit(variables, settings),
    '(',
    `cd ${quote(variables.projectDir)}`,
    ...(settings.cleansConfig ? unlinkSubmodules() : []),
    'git rm -rf --ignore-unmatch --quiet . && git clean -ffdx -q',
    ') || true',
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

/**
 * Makes a credential helper that the job configured forget the token. Failures are ignored. Source:
 * gitlab-runner `shells/abstract.go` (writeClearGitCredentials).
 */
export function rejectCredentials({ host }: GitUrls): readonly string[] {
  if (!/^(?:https?|ssh):\/\/./.test(host)) return [];
  const request = `url=${host}\nusername=gitlab-ci-token\n`;
  return [`printf '%s' ${quote(request)} | git credential reject || true`];
}
