import type { BuildContext } from './context.ts';
import type { JobPayload } from '../job/payload.ts';
import type { Digests } from '../runner/digests.ts';
import { withoutTrailing } from '../without-trailing.ts';

const SHORT_TOKEN_LENGTH = 9;
const NAME_MAX_LENGTH = 63;

/** Prefixes that are removed in this order, each at most once, so `glrt-t1_…` loses both parts. */
const TOKEN_PREFIXES = [/^(?:glrt-(?:t[123]_)?|t[123]_|glrtr-)/, /^glcbt-/, /^GR[0-9A-Fa-f]{7}/];

const URL_PARTS = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)([^?#]*)/i;
const HOST_AND_PORT = /^(?:\[[0-9a-f:.]+\]|[^:@[\]]+)(?::\d*)?$/i;
const UNSAFE_IN_URL = /[\s\p{Cc}]/u;

/**
 * Returns the part of a runner's token that may be shown. Source: gitlab-runner
 * `helpers/shorten_token.go`.
 */
export function shortToken(token: string): string {
  const bare = TOKEN_PREFIXES.reduce((rest, prefix) => rest.replace(prefix, ''), token);
  return bare.slice(0, SHORT_TOKEN_LENGTH);
}

/**
 * Returns a name that successive builds of one project share when they have the same runner and
 * number. Source: gitlab-runner `common/build.go` (ProjectUniqueName).
 */
export function projectUniqueName({ runner, job, concurrentProjectId }: BuildContext): string {
  const token = shortToken(runner.token);
  const project = job.job_info.project_id;
  return dnsName(`runner-${token}-project-${project}-concurrent-${concurrentProjectId}`);
}

/**
 * Returns the first part of every container's name. Unlike the project's name it is unique to this
 * build, because the random part is never cut. Source: gitlab-runner `executors/docker`
 * (makeContainerName).
 */
export function containerBaseName(context: BuildContext): string {
  return `${projectUniqueName(context)}-${context.entropy}`;
}

/**
 * Returns the name of the build's own network, which is also the value of CI_BUILD_NETWORK_NAME.
 * Source: gitlab-runner `common/build.go` (ProjectUniqueShortName).
 */
export function networkName({ runner, job, concurrentProjectId }: BuildContext): string {
  const token = shortToken(runner.token);
  return dnsName(`runner-${token}-${job.job_info.project_id}-${concurrentProjectId}-${job.id}`);
}

/**
 * Like `projectUniqueName`, but also different for tokens with the same beginning: volumes must
 * never be shared by mistake. Source: gitlab-runner `common/build.go` (ProjectRealUniqueName).
 */
export function realUniqueName(digests: Digests, context: BuildContext): string {
  const { runner, systemId, job, concurrentProjectId } = context;
  const parts = [runner.token, systemId, job.job_info.project_id, concurrentProjectId];
  return `runner-${digests.sha256Hex(parts.join('-')).slice(0, 32)}`;
}

/**
 * Returns the address of the job's page, without credentials. Source: gitlab-runner `common/spec`
 * (JobURL).
 */
export function jobUrl({ id, git_info }: JobPayload): string {
  return `${cleanUrl(git_info.repo_url).replace(/\.git$/, '')}/-/jobs/${id}`;
}

/**
 * Returns a URL without user, password, query and fragment. Returns '' for a text that is not a
 * URL, because part of it could be a credential. Source: gitlab-runner `helpers/url/clean_url.go`.
 */
export function cleanUrl(url: string): string {
  const parts = URL_PARTS.exec(url);
  if (parts === null || UNSAFE_IN_URL.test(url)) return '';
  const [, scheme = '', authority = '', path = ''] = parts;
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  return HOST_AND_PORT.test(host) ? scheme + host + path : '';
}

/**
 * Returns the workflow id of a build, `build/<coordinator>/<job key>/<job id>`. Temporal allows one
 * workflow per id, which prevents a second run of the job. The coordinator's name is the same for
 * any scheme, case of the host and trailing slashes. The key (see `jobKey`) separates the job from
 * an earlier one with the same number; records of release 0.1.0 have none.
 */
export function buildIdOf(coordinatorUrl: string, jobId: number, key?: string): string {
  const place = key === undefined ? '' : `${key}/`;
  return `build/${coordinatorName(coordinatorUrl)}/${place}${jobId}`;
}

function coordinatorName(url: string): string {
  const [scheme = '', rest = ''] = cleanUrl(url.trim()).split('://', 2);
  const place = withoutTrailing(rest, '/').replace(/\/ci$/, '');
  const [host = '', ...path] = withoutTrailing(place, '/').split('/');
  const usualPort = scheme.toLowerCase() === 'https' ? /:443$/ : /:80$/;
  const plainHost = host.toLowerCase().replace(usualPort, '');
  return [plainHost, ...path].join('/').replace(/[^A-Za-z0-9._:/[\]-]/g, '_');
}

/** Source: gitlab-runner `helpers/dns/utils.go` (MakeRFC1123Compatible). */
function dnsName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^-a-z0-9]/g, '')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, NAME_MAX_LENGTH);
}
