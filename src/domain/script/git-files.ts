import type { BuildContext } from '../context/context.ts';
import type { Variables } from '../variables/variables.ts';
import { formatGitConfig, type GitConfigSection } from './git-config-file.ts';
import type { GitUrls } from './git-urls.ts';
import { command, quote } from './quote.ts';

/**
 * Git's own files of a build, in `<projectDir>.tmp`: none of them is part of the checkout, so none
 * gets into an artifact. Source: gitlab-runner `shells/abstract.go`.
 */
export interface GitFiles {
  /** What a new repository's `.git` starts with. */
  readonly template: string;
  /** Included by the repository: credentials and what else must not stay. */
  readonly external: string;
  /** In the place of `~/.gitconfig`, with FF_GIT_URLS_WITHOUT_TOKENS only. */
  readonly global: string;
  /** There while sources are got: a second try finds it. */
  readonly begun: string;
}

export function gitFiles({ tempDir }: Variables): GitFiles {
  return {
    template: `${tempDir}/git-template`,
    external: `${tempDir}/.gitlab-runner.ext.conf`,
    global: `${tempDir}/.glr.gconf`,
    begun: `${tempDir}/.glr.get-sources`,
  };
}

/** Prints the job's token from the environment: it is in no file then. */
const CREDENTIAL_HELPER =
  '!f(){ if [ "$1" = "get" ] ; then echo "password=${CI_JOB_TOKEN}" ; fi ; } ; f';

/** Script lines by which git takes its global configuration from the build's own file. */
export function exportGlobalGitConfig(variables: Variables): readonly string[] {
  if (!variables.featureFlags.isOn('FF_GIT_URLS_WITHOUT_TOKENS')) return [];
  return [`export GIT_CONFIG_GLOBAL=${quote(gitFiles(variables).global)}`];
}

/**
 * Script lines that write that file. It takes in the user's own, where that can be read: an include
 * that cannot be read would end every git command.
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

/** Script lines that write the template of a new repository. */
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

/** Script lines, in the repository, by which a config that was kept includes this build's file. */
export function includeExternalConfig(variables: Variables): readonly string[] {
  const { external } = gitFiles(variables);
  const config = ['git', 'config', '--file', '.git/config', '--replace-all', 'include.path'];
  return [command(...config, external, '\\.gitlab-runner\\.ext\\.conf$')];
}

export interface ExternalConfig {
  readonly urls: GitUrls;
  /** Whether there is a repository, or only commands of the job that want to reach one. */
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

/** An empty helper first: it makes git forget all others. */
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

/** It comes from the coordinator's answer: nothing else may get into a header by it. */
export function correlationIdOf({ correlationId }: BuildContext): string | undefined {
  return /^[\w.:-]{1,255}$/.test(correlationId) ? correlationId : undefined;
}

function writeFile(path: string, content: string): string {
  return `printf '%s' ${quote(content)} >${quote(path)}`;
}
