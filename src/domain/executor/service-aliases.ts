import type { BuildContext } from '../context/context.ts';

/** Host names of one service. */
export interface ServiceAliases {
  /** Those that lead to it, the ones of its image first. */
  readonly used: readonly string[];
  /** For the trace, one for each name that does not. */
  readonly warnings: readonly string[];
  /** Another service has every name that it could have: nobody would find it. */
  readonly areAllTaken: boolean;
}

export interface AliasesInput {
  /** Those of the image, then the declared ones. */
  readonly wanted: readonly string[];
  /** Of the services before. */
  readonly taken: ReadonlySet<string>;
  /** Names of the coordinator, which no service may have. */
  readonly reserved: ReadonlySet<string>;
  /** For warnings: the service's image, and its place among all. */
  readonly service: { readonly name: string; readonly index: number };
}

/** What goes into a hosts file and a DNS server. Underscores are not in RFC 1123, but in use. */
const HOST_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?$/;

/**
 * Which host names a service gets. A name that is taken is skipped, and told. Unlike in the peer no
 * service gets the name of the coordinator: the runner's own containers would send it their tokens.
 * Source: gitlab-runner `executors/docker/services.go` (createFromServiceDefinition).
 */
export function planAliases({ wanted, taken, reserved, service }: AliasesInput): ServiceAliases {
  const names = [...new Set(wanted)];
  const verdicts = names.map((name) => ({ name, fault: faultOf(name, { taken, reserved }) }));
  return {
    used: verdicts.filter(({ fault }) => fault === undefined).map(({ name }) => name),
    warnings: verdicts.flatMap(({ name, fault }) =>
      fault === undefined
        ? []
        : [
            `Skipping alias ${quote(name)} for service ${quote(service.name)} ` +
              `(services[${service.index}]): ${fault}.`,
          ],
    ),
    areAllTaken: names.every((name) => taken.has(name)),
  };
}

function faultOf(
  name: string,
  { taken, reserved }: Pick<AliasesInput, 'taken' | 'reserved'>,
): string | undefined {
  if (taken.has(name)) return 'alias is already in use by another service';
  if (!HOST_NAME.test(name)) return 'it cannot be the name of a host';
  if (reserved.has(name.toLowerCase())) return 'it is the name of the GitLab server';
  return undefined;
}

/** Declared aliases, by space or comma. Source: gitlab-runner `common/spec/spec.go` (Aliases). */
export function splitAliases(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** Hosts that tokens are sent to, in lower case. */
export function coordinatorHosts({ runner, job }: BuildContext): ReadonlySet<string> {
  const urls = [runner.url, runner.cloneUrl, job.git_info.repo_url];
  return new Set(urls.map(hostOf).filter((host) => host !== ''));
}

function hostOf(url: string): string {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(url)?.[1] ?? '';
  return authority
    .slice(authority.lastIndexOf('@') + 1)
    .replace(/:\d*$/, '')
    .toLowerCase();
}

/** One line, and not a long one. */
function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
