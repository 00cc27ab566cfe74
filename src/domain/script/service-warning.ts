import { RESET, YELLOW } from '../colours.ts';

/** A service that does not listen. */
export interface ServiceWarning {
  readonly containerName: string;
  /** Why the service does not count as running. */
  readonly error: string;
  /** The output of the check; undefined when there was none. */
  readonly checkLog: string | undefined;
  readonly serviceLog: string;
}

/**
 * Formats the block in the trace about a service that does not listen. Source: gitlab-runner
 * `executors/docker/services.go` (waitForServiceContainer).
 */
export function formatServiceWarning(warning: ServiceWarning): string {
  const { containerName, error, checkLog, serviceLog } = warning;
  return [
    '',
    `${YELLOW}*** WARNING:${RESET} Service ${containerName} probably didn't start properly.`,
    '',
    'Health check error:',
    error,
    ...(checkLog === undefined ? [] : ['', 'Health check container logs:', checkLog]),
    '',
    'Service container logs:',
    serviceLog,
    '',
    `${YELLOW}*********${RESET}`,
    '',
    '',
  ].join('\n');
}
