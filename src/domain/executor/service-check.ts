import type { BuildContext } from '../context/context.ts';
import { FailureType, FinalError } from '../failure.ts';
import { containerBaseName } from '../context/names.ts';
import { commonHostSettings } from './host-settings.ts';
import { BUILD_LABEL, gitlabLabels } from './labels.ts';
import type { ContainerSpec, NetworkSpec } from './specs.ts';

/** Address and ports at which a service is checked. */
export interface CheckTarget {
  /** Index of the service. */
  readonly index: number;
  readonly host: string;
  /** The ports to check. One open port is enough. */
  readonly ports: readonly number[];
}

/** The facts that the check of services depends on. */
export interface CheckInput {
  readonly context: BuildContext;
  readonly network: NetworkSpec | undefined;
}

const MAX_PORTS = 20;
const PORT_VARIABLE = /^HEALTHCHECK_TCP_PORT=/i;

/**
 * The ports to check: the one that its variables name, else the lowest of those that its image
 * exposes. Throws `RunnerConfiguration` when the variable is not a port. Source: gitlab-runner
 * `executors/docker/docker.go` (getContainerIPAndExposedPorts).
 */
export function portsToCheck(
  environment: readonly string[],
  exposedPorts: readonly number[],
): readonly number[] {
  const line = environment.find((variable) => PORT_VARIABLE.test(variable));
  if (line === undefined) return exposedPorts.toSorted((a, b) => a - b).slice(0, MAX_PORTS);
  const text = line.slice(line.indexOf('=') + 1);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return [port];
  throw new FinalError(
    FailureType.RunnerConfiguration,
    `invalid health check tcp port: ${JSON.stringify(text.slice(0, 100))}; ` +
      'HEALTHCHECK_TCP_PORT of a service is a number from 1 to 65535',
  );
}

/** Name of the container that checks the services of a build. */
export function checkNameOf(context: BuildContext): string {
  return `${containerBaseName(context)}-wait-for-service`;
}

/**
 * Describes the one container, from the helper image, that checks all services of a build at once.
 * It reports each service as soon as that answers, and succeeds when all have answered.
 */
export function checkSpec(
  { context, network }: CheckInput,
  check: { readonly image: string; readonly targets: readonly CheckTarget[] },
): ContainerSpec {
  return {
    ...commonHostSettings(context.runner.docker, network),
    macAddress: '', // A service may already have the configured address.
    name: checkNameOf(context),
    image: check.image,
    command: [],
    opensStdin: false,
    entrypoint: [
      ...['sh', '-c', CHECK_SCRIPT, 'sh'],
      ...check.targets.map(({ index, host, ports }) => [index, host, ...ports].join(' ')),
    ],
    environment: [],
    labels: { ...gitlabLabels(context, { type: 'wait' }), [BUILD_LABEL]: context.buildId },
    user: '',
    platform: '',
    binds: [],
    fileMounts: [],
    networkAliases: [],
    useInit: false,
  };
}

/**
 * Works with any helper image: bash (Debian, Ubuntu), nc (busybox), or gitlab-runner's own program.
 */
const CHECK_SCRIPT = `
if command -v bash >/dev/null && command -v timeout >/dev/null; then how=bash
elif command -v nc >/dev/null; then how=nc
elif command -v gitlab-runner-helper >/dev/null; then how=helper
else echo 'the helper image has none of bash, nc and gitlab-runner-helper to look at ports with'; exit 1
fi
answers() {
  case $how in
    bash) timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" ;;
    nc) nc -z -w 2 "$1" "$2" </dev/null || nc -w 2 -e true "$1" "$2" ;;
    helper) env WAIT_FOR_SERVICE_TCP_ADDR="$1" WAIT_FOR_SERVICE_TCP_PORT="$2" timeout 2 gitlab-runner-helper health-check ;;
  esac >/dev/null 2>&1
}
look() {
  index=$1 host=$2
  shift 2
  echo "[$index] waiting for TCP connection to $host on [$*]..."
  while :; do
    for port; do
      if answers "$host" "$port"; then
        echo "[$index] dial succeeded on $host:$port"
        return
      fi
    done
    sleep 0.2 2>/dev/null || sleep 1
  done
}
for target; do look $target & done
wait
`;

/** Returns the indexes of the services that answered, from the output of the check's container. */
export function readAnswers(output: string): ReadonlySet<number> {
  const answers = output.matchAll(/^\[(\d+)\] dial succeeded/gm);
  return new Set([...answers].map(([, index]) => Number(index)));
}

/** Returns the output of the check's container about one service. */
export function linesOfService(output: string, index: number): string {
  const mark = `[${index}] `;
  return output
    .split('\n')
    .filter((line) => line.startsWith(mark) || !/^\[\d+\] /.test(line))
    .map((line) => (line.startsWith(mark) ? line.slice(mark.length) : line))
    .join('\n')
    .trim();
}

/** Whether all containers share one network stack, in which services listen on the local host. */
export function sharesNetworkStack(networkMode: string): boolean {
  return networkMode === 'host' || networkMode.startsWith('container:');
}
