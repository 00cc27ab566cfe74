import { dirname } from 'node:path';
import { readConfigFile } from '../adapters/config/read-config-file.ts';
import { readConfig } from '../adapters/config/read-config.ts';
import {
  createRegistrationClient,
  type RegistrationClient,
} from '../adapters/gitlab/registration.ts';
import type { InstallationConfig, RunnerConfig } from '../domain/runner/config.ts';
import type { CommandContext } from './context.ts';

/** Reads the runners for an action. Warns when there are none, because it may be the wrong file. */
export async function readInstalledRunners(
  path: string,
  context: CommandContext,
): Promise<readonly RunnerConfig[]> {
  const { runners } = await readInstalled(path, context);
  if (runners.length === 0) context.log().warn('no runners in the config file', { config: path });
  return runners;
}

/** Reads the config file, including entries that cannot be served. */
export async function readInstalled(
  path: string,
  { io }: CommandContext,
): Promise<InstallationConfig> {
  const { text } = await readConfigFile(path);
  return readConfig({ text, path, env: io.env }).config;
}

/** An entry of the config file, or one that is being registered. */
export type Registrable = Pick<RunnerConfig, 'url' | 'tlsCaFile' | 'tlsCertFile' | 'tlsKeyFile'>;

/** Calls the GitLab of one entry and closes the connection. */
export async function askGitLab<T>(
  { url, tlsCaFile, tlsCertFile, tlsKeyFile }: Registrable,
  { context, configPath }: { readonly context: CommandContext; readonly configPath: string },
  ask: (client: RegistrationClient) => Promise<T>,
): Promise<T> {
  const { program, io } = context;
  const client = createRegistrationClient({
    url,
    tlsCaFile,
    tlsCertFile,
    tlsKeyFile,
    program,
    configDir: dirname(configPath),
    env: io.env,
    log: context.log(),
  });
  try {
    return await ask(client);
  } finally {
    await client.close();
  }
}
