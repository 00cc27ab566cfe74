export interface SecondTerminal {
  /** Path of this repository. */
  readonly root: string;
  readonly workerPid: string;
  readonly configPath: string;
  /** The variables of this process, which another terminal may not have. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Variables that must be the same for both workers. A person may have set them only in the first
 * terminal.
 */
const SHARED = ['DOCKER_HOST', 'XDG_CACHE_HOME', 'TEMPORAL_ADDRESS'];

/**
 * Formats one line for a shell that kills the worker in the middle of a job, and starts it again.
 */
export function secondTerminalLine({ root, workerPid, configPath, env }: SecondTerminal): string {
  const settings = SHARED.flatMap((name) => {
    const value = env[name] ?? '';
    return value === '' ? [] : [`${name}=${quote(value)} `];
  });
  const start = `${settings.join('')}npm run worker -- --config ${quote(configPath)}`;
  return `cd ${quote(root)} && kill -9 ${workerPid} && ${start}`;
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
