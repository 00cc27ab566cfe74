import type { BuildContext } from '../context/context.ts';
import { joinPath } from '../job/project-dir.ts';
import type { Variables } from '../variables/variables.ts';
import { withoutTrailing } from '../without-trailing.ts';

/** An address that git uses in place of another: `[with, instead of]`. */
export type UrlRewrite = readonly [url: string, insteadOf: string];

/** The addresses by which git reaches the repository. */
export interface GitUrls {
  /** Address of the repository, without user and password: the value of `origin`. */
  readonly remote: string;
  /** Its scheme and host, with port; '' when it has none. */
  readonly host: string;
  /**
   * Rewrites that add credentials, and https when the job asks for it, to addresses of this GitLab.
   */
  readonly rewrites: readonly UrlRewrite[];
}

interface Url {
  readonly scheme: string;
  readonly user: string;
  readonly host: string;
  readonly path: string;
}

/**
 * Plans how git reaches the repository and others on the same GitLab. With
 * FF_GIT_URLS_WITHOUT_TOKENS no address contains a token; a credential helper provides it. Source:
 * gitlab-runner `helpers/url/gitauth.go`.
 */
export function planGitUrls(context: BuildContext, variables: Variables): GitUrls {
  const hasTokens = !variables.featureFlags.isOn('FF_GIT_URLS_WITHOUT_TOKENS');
  const { job, runner } = context;
  const authorize: Authorize = (url) => withUser(url, hasTokens ? job.token : undefined);
  const repo = parseUrl(job.git_info.repo_url);
  const configured = parseUrl(runner.cloneUrl);
  const own = repo && !hasTokens ? authorize(repo) : repo;
  const remote = configured ? authorize(projectBelow(configured, variables)) : own;
  if (remote === undefined) return { remote: job.git_info.repo_url, host: '', rewrites: [] };

  const plain = { ...remote, user: '' };
  const base = configured ?? parseUrl(runner.url);
  const bases = base && isHttp(base) ? rewriteBases({ base, repo, authorize }, variables) : [];
  const rewrites = unique([[formatUrl(remote), formatUrl(plain)], ...bases]);
  return {
    remote: formatUrl(plain),
    host: formatUrl({ ...plain, path: '' }),
    rewrites: rewrites.filter(([url, insteadOf]) => url !== insteadOf),
  };
}

type Authorize = (url: Url) => Url;

function projectBelow(url: Url, variables: Variables): Url {
  return { ...url, path: joinPath('/', url.path, `${variables.get('CI_PROJECT_PATH')}.git`) };
}

interface Bases {
  /** The coordinator's address in the configuration. */
  readonly base: Url;
  /** The address in the payload, often the same server by another name. */
  readonly repo: Url | undefined;
  readonly authorize: Authorize;
}

/** Returns rewrites for other projects of the same GitLab, such as submodules. */
function rewriteBases(
  { base, repo, authorize }: Bases,
  variables: Variables,
): readonly UrlRewrite[] {
  return [
    rewriteBase(base, authorize),
    ...rewriteSsh(trimmed(authorize(base)), variables),
    ...(repo && isHttp(repo) ? [rewriteBase({ ...repo, user: '', path: '' }, authorize)] : []),
  ];
}

function rewriteBase(base: Url, authorize: Authorize): UrlRewrite {
  return [trimmed(authorize(base)), trimmed({ ...base, user: '' })];
}

/** Returns rewrites for submodules with an ssh address, for which a job has no key. */
function rewriteSsh(base: string, variables: Variables): readonly UrlRewrite[] {
  if (!variables.flag('GIT_SUBMODULE_FORCE_HTTPS', false)) return [];
  const host = variables.get('CI_SERVER_SHELL_SSH_HOST') || variables.get('CI_SERVER_HOST');
  if (host === '') return [];
  const port = variables.get('CI_SERVER_SHELL_SSH_PORT');
  return port === '' || port === '22'
    ? [
        [`${base}/`, `git@${host}:`],
        [base, `ssh://git@${host}`],
      ]
    : [[base, `ssh://git@${host}:${port}`]];
}

function withUser(url: Url, token: string | undefined): Url {
  if (url.scheme === 'ssh') return { ...url, user: url.user || 'git@' };
  return { ...url, user: token === undefined ? '' : `gitlab-ci-token:${encode(token)}@` };
}

function encode(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\u{fffd}'));
}

function parseUrl(text: string): Url | undefined {
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)/i.exec(text);
  if (match === null || /[\s\p{Cc}]/u.test(text)) return undefined;
  const [, scheme = '', authority = '', path = ''] = match;
  const at = authority.lastIndexOf('@') + 1;
  return {
    scheme: scheme.toLowerCase(),
    user: authority.slice(0, at),
    host: authority.slice(at),
    path,
  };
}

function formatUrl({ scheme, user, host, path }: Url): string {
  return `${scheme}://${user}${host}${path}`;
}

function trimmed(url: Url): string {
  return withoutTrailing(formatUrl(url), '/');
}

function isHttp({ scheme }: Url): boolean {
  return scheme === 'http' || scheme === 'https';
}

function unique(rewrites: readonly UrlRewrite[]): readonly UrlRewrite[] {
  return [...new Map(rewrites.map((rewrite) => [rewrite.join('\n'), rewrite])).values()];
}
