export interface SecondTerminal {
  /** Of this repository. */
  readonly root: string;
  readonly workerPid: string;
  readonly configPath: string;
  /** As this process has them: another terminal may not. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** What both workers must agree on, and a shell may have been told only in the first terminal. */
const SHARED = ['DOCKER_HOST', 'XDG_CACHE_HOME', 'TEMPORAL_ADDRESS'];

/** One line for a shell: kills the worker in the middle of a job, and starts it again. */
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
