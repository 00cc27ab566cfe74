import type { BuildContext } from '../context/context.ts';
import { quoteText } from '../quote-text.ts';

/** Host names of one service. */
export interface ServiceAliases {
  /** The aliases that resolve to it, those of its image first. */
  readonly used: readonly string[];
  /** Lines for the trace, one for each alias that does not resolve to it. */
  readonly warnings: readonly string[];
  /** True: other services already have all its names, so nobody could find it. */
  readonly areAllTaken: boolean;
}

/** The aliases that a service asks for, and those that it cannot have. */
export interface AliasesInput {
  /** The aliases of the image, then the declared ones. */
  readonly wanted: readonly string[];
  /** Aliases of the services before it. */
  readonly taken: ReadonlySet<string>;
  /** Names of the coordinator, which no service may have. */
  readonly reserved: ReadonlySet<string>;
  /** The service's image, and its place among all services, for warnings. */
  readonly service: { readonly name: string; readonly index: number };
}

/**
 * Matches names that a hosts file and a DNS server accept. RFC 1123 forbids underscores, but people
 * use them.
 */
const HOST_NAME = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?$/;

/**
 * Decides which host names a service gets. A name that is taken is skipped with a warning. Unlike
 * in gitlab-runner, no service gets the coordinator's name: the runner's own containers would send
 * it their tokens. Source: gitlab-runner `executors/docker/services.go`
 * (createFromServiceDefinition).
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
            `Skipping alias ${quoteText(name)} for service ${quoteText(service.name)} ` +
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

/**
 * Splits declared aliases at spaces and commas. Source: gitlab-runner `common/spec/spec.go`
 * (Aliases).
 */
export function splitAliases(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

/** Returns the hosts that tokens are sent to, in lower case. */
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
