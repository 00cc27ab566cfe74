// These jobs print the content of a cache.

/** Each job begins with an empty directory, so that all its files come from a cache. */
export const variables = [{ key: 'GIT_STRATEGY', value: 'empty' }];
/** This command gives all files an old modification time, like that of downloaded files. */
export const AGED = "find . -exec touch -d '-1 hour' {} +";

export function cacheOf(key: string, changes: Readonly<Record<string, unknown>> = {}) {
  return { cache: [{ key, paths: ['vendor/'], ...changes }] };
}

/** Returns a job that fills a cache. */
export function filled(payload: Readonly<Record<string, unknown>>, text = 'kept') {
  const script = ['mkdir -p vendor', `echo ${text} > vendor/file`];
  return { job: { variables, script, payload }, expected: { state: 'success' } } as const;
}

export function found(
  payload: Readonly<Record<string, unknown>>,
  log: readonly (string | RegExp)[],
) {
  const script = ['cat vendor/file || echo nothing there'];
  return { job: { variables, script, payload }, expected: { state: 'success', log } } as const;
}

export const FOUND = ['Successfully extracted cache', /^kept$/m];
export const NOT_FOUND = ['Failed to extract cache', /^nothing there$/m];
