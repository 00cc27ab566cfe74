import type { BuildContext } from '../context/context.ts';
import type { Variables } from '../variables/variables.ts';
import { formatGitConfig, type GitConfigSection } from './git-config-file.ts';
import type { GitUrls } from './git-urls.ts';
import { command, quote } from './quote.ts';

/**
 * Git's own files of a build, in `<projectDir>.tmp`. They are outside the checkout, so they never
 * get into an artifact. Source: gitlab-runner `shells/abstract.go`.
 */
export interface GitFiles {
  /** The template for the `.git` of a new repository. */
  readonly template: string;
  /**
   * Included by the repository's config: credentials and other settings that must not stay there.
   */
  readonly external: string;
  /** Replaces `~/.gitconfig`, with FF_GIT_URLS_WITHOUT_TOKENS only. */
  readonly global: string;
}

/** The paths of git's own files of a build. */
export function gitFiles({ tempDir }: Variables): GitFiles {
  return {
    template: `${tempDir}/git-template`,
    external: `${tempDir}/.gitlab-runner.ext.conf`,
    global: `${tempDir}/.glr.gconf`,
  };
}

/** Prints the job's token from the environment, so that no file contains the token. */
const CREDENTIAL_HELPER =
  '!f(){ if [ "$1" = "get" ] ; then echo "password=${CI_JOB_TOKEN}" ; fi ; } ; f';

/** Script lines that make git read its global configuration from the build's own file. */
export function exportGlobalGitConfig(variables: Variables): readonly string[] {
  if (!variables.featureFlags.isOn('FF_GIT_URLS_WITHOUT_TOKENS')) return [];
  return [`export GIT_CONFIG_GLOBAL=${quote(gitFiles(variables).global)}`];
}

/**
 * Script lines that write that file. It includes the user's own file where it is readable, because
 * git fails at an include that it cannot read.
 */
export function writeGlobalGitConfig(variables: Variables): readonly string[] {
  const { global, external } = gitFiles(variables);
  return [
    command('rm', '-rf', global),
    'for _runner_file in "$HOME/.gitconfig" "$HOME/.config/git/config"; do',
    '  if [ -r "$_runner_file" ]; then',
    `    git config --file ${quote(global)} --add include.path "$_runner_file"`,
    '  fi',
    'done',
    command('git', 'config', '--file', global, '--add', 'include.path', external),
  ];
}

/** Script lines that write the template for a new repository. */
export function writeTemplate(variables: Variables): readonly string[] {
  const { template, external } = gitFiles(variables);
  return [
    command('mkdir', '-p', template),
    writeFile(
      `${template}/config`,
      formatGitConfig([
        { section: 'init', entries: [['defaultBranch', 'none']] },
        { section: 'fetch', entries: [['recurseSubmodules', 'false']] },
        { section: 'credential', entries: [['interactive', 'never']] },
        { section: 'gc', entries: [['autoDetach', 'false']] },
        { section: 'include', entries: [['path', external]] },
      ]),
    ),
  ];
}

/**
 * Script lines, run in the repository, that include this build's file in a config that was kept.
 */
export function includeExternalConfig(variables: Variables): readonly string[] {
  const { external } = gitFiles(variables);
  const config = ['git', 'config', '--file', '.git/config', '--replace-all', 'include.path'];
  return [command(...config, external, '\\.gitlab-runner\\.ext\\.conf$')];
}

/** The content of the file with the credentials. */
export interface ExternalConfig {
  readonly urls: GitUrls;
  /** True: there is a repository. False: only commands of the job may access one. */
  readonly hasRepository: boolean;
}

/** Script lines that write the file with the credentials. */
export function writeExternalConfig(
  context: BuildContext,
  variables: Variables,
  { urls, hasRepository }: ExternalConfig,
): readonly string[] {
  const { featureFlags } = variables;
  const { external } = gitFiles(variables);
  const sections: readonly GitConfigSection[] = [
    ...(hasRepository ? repositorySections(context, variables, urls) : []),
    ...(featureFlags.isOn('FF_GIT_URLS_WITHOUT_TOKENS') && urls.host !== ''
      ? [credentialSection(urls.host)]
      : []),
  ];
  return [command('rm', '-rf', external), writeFile(external, formatGitConfig(sections))];
}

function repositorySections(
  context: BuildContext,
  { featureFlags }: Variables,
  urls: GitUrls,
): readonly GitConfigSection[] {
  const correlationId = correlationIdOf(context);
  return [
    ...(featureFlags.isOn('FF_USE_GITALY_CORRELATION_ID') && correlationId !== undefined
      ? [
          {
            section: 'http',
            entries: [['extraHeader', `X-Gitaly-Correlation-ID: ${correlationId}`]],
          } as const,
        ]
      : []),
    ...(featureFlags.isOn('FF_USE_GIT_BUNDLE_URIS')
      ? [{ section: 'transfer', entries: [['bundleURI', 'true']] } as const]
      : []),
    ...urls.rewrites.map(
      ([url, insteadOf]) =>
        ({ section: 'url', subsection: url, entries: [['insteadOf', insteadOf]] }) as const,
    ),
  ];
}

/**
 * Returns the section of the credential helper. An empty helper comes first and makes git forget
 * all others.
 */
function credentialSection(host: string): GitConfigSection {
  return {
    section: 'credential',
    subsection: host,
    entries: [
      ['helper', ''],
      ['helper', CREDENTIAL_HELPER],
      ['username', 'gitlab-ci-token'],
    ],
  };
}

/**
 * Returns the correlation id. It comes from the coordinator's answer, so characters that could add
 * another header are refused.
 */
export function correlationIdOf({ correlationId }: BuildContext): string | undefined {
  return /^[\w.:-]{1,255}$/.test(correlationId) ? correlationId : undefined;
}

function writeFile(path: string, content: string): string {
  return `printf '%s' ${quote(content)} >${quote(path)}`;
}
