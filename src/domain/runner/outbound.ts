import { parseAssignments } from '../assignments.ts';
import { withoutTrailing } from '../without-trailing.ts';
import type { RunnerConfig } from './config.ts';

/** The path at which images of gitlab-runner expect a private CA. Source: their entrypoints. */
export const SITE_CA_FILE = '/etc/gitlab-runner/certs/ca.crt';

const PROXY_NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the proxies for transfers of a job's files: those in the entry's `environment`, which
 * gitlab-runner's helper uses, otherwise the program's own. Variables of the job are ignored,
 * because the runner sends its own credentials.
 */
export function proxyEnvironment(env: Environment, environment: readonly string[]): Environment {
  const own = new Map(parseAssignments(environment));
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

/** Files with certificates that all transfers of an entry's jobs trust. */
export function trustedCaFiles({
  tlsCaFile,
  docker,
}: Pick<RunnerConfig, 'tlsCaFile' | 'docker'>): readonly string[] {
  return [...(tlsCaFile === undefined ? [] : [tlsCaFile]), ...mountedCaFiles(docker.volumes)];
}

/**
 * Host files that volumes mount where a helper container expects a private CA. In gitlab-runner
 * they apply to the helper's transfers, so here they apply to the runner's.
 */
export function mountedCaFiles(volumes: readonly string[]): readonly string[] {
  const directory = SITE_CA_FILE.slice(0, SITE_CA_FILE.lastIndexOf('/'));
  return volumes.flatMap((volume) => {
    const [source = '', target = ''] = volume.split(':');
    if (!source.startsWith('/')) return [];
    const place = withoutTrailing(target, '/');
    if (place === SITE_CA_FILE) return [source];
    return place === directory ? [`${withoutTrailing(source, '/')}/ca.crt`] : [];
  });
}
