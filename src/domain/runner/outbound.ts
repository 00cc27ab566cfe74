/** Where images of gitlab-runner look for a CA of the site's own. Source: their entrypoints. */
export const SITE_CA_FILE = '/etc/gitlab-runner/certs/ca.crt';

const PROXY_NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxies by which files of jobs travel: those that the runner's entry sets in `environment`, as in
 * the peer, where they are the helper's; else the program's own. A job's variables have no say: what is
 * sent is the runner's.
 */
export function proxyEnvironment(env: Environment, environment: readonly string[]): Environment {
  const own = new Map(
    environment
      .filter((line) => line.includes('='))
      .map((line) => {
        const at = line.indexOf('=');
        return [line.slice(0, at), line.slice(at + 1)];
      }),
  );
  const chosen = PROXY_NAMES.flatMap((name) => {
    const value = own.get(name) ?? own.get(name.toLowerCase());
    return value === undefined
      ? []
      : [
          [name, value],
          [name.toLowerCase(), value],
        ];
  });
  return { ...env, ...(Object.fromEntries(chosen) as Record<string, string>) };
}

/**
 * Files of this host that volumes put where a helper container looks for the site's CA: there they
 * count for what it sends, and so they do for what the runner sends in its place.
 */
export function mountedCaFiles(volumes: readonly string[]): readonly string[] {
  const directory = SITE_CA_FILE.slice(0, SITE_CA_FILE.lastIndexOf('/'));
  return volumes.flatMap((volume) => {
    const [source = '', target = ''] = volume.split(':');
    if (!source.startsWith('/')) return [];
    const place = target.replace(/\/+$/, '');
    if (place === SITE_CA_FILE) return [source];
    return place === directory ? [`${source.replace(/\/+$/, '')}/ca.crt`] : [];
  });
}
