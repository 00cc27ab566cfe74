export const BUSYBOX = 'temporal-gitlab-runner/busybox:local';
export const DEBUG = { key: 'CI_DEBUG_SERVICES', value: 'true' };

/**
 * Returns a service of busybox that runs a line of shell. The line may make it answer on a port.
 */
export function shell(line: string, more: Readonly<Record<string, unknown>> = {}) {
  return { name: BUSYBOX, entrypoint: ['sh', '-c', line], ...more };
}

export function serving(words: string, port = 4000): string {
  return `while true; do echo ${words} | nc -l -p ${port}; done`;
}

export const PORT = (value: string) => [{ key: 'HEALTHCHECK_TCP_PORT', value }];

/** Returns a command that reads the answer of a service on its port, with bash alone. */
export function ask(host: string, port = 4000): string {
  return `until bash -c 'cat < /dev/tcp/${host}/${port}' 2>/dev/null; do sleep 0.2; done`;
}
