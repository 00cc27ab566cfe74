const JOB_REQUEST = 'jobs/request';

/**
 * Returns the name of the call for metrics; undefined for calls that gitlab-runner does not count.
 * `path` is below `api/v4/`. Source: gitlab-runner `network/gitlab.go` (apiEndpoint…).
 */
export function apiEndpointOf(
  method: string,
  path: string,
): 'request_job' | 'update_job' | 'patch_trace' | undefined {
  const call = withoutQuery(path);
  if (method === 'POST' && call === JOB_REQUEST) return 'request_job';
  if (method === 'PUT' && /^jobs\/\d+$/.test(call)) return 'update_job';
  return method === 'PATCH' && /^jobs\/\d+\/trace$/.test(call) ? 'patch_trace' : undefined;
}

/**
 * Returns the call's path with `{id}` for numbers, so that there are few different paths, however
 * many jobs there are.
 */
export function pathTemplateOf(path: string): string {
  return `/api/v4/${withoutQuery(path).replaceAll(/\/\d+(?=\/|$)/g, '/{id}')}`;
}

function withoutQuery(path: string): string {
  return path.split('?', 1)[0] ?? '';
}
