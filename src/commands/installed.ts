import { dirname } from 'node:path';
import { readConfigFile } from '../adapters/config/read-config-file.ts';
import { readConfig } from '../adapters/config/read-config.ts';
import {
  createRegistrationClient,
  type RegistrationClient,
} from '../adapters/gitlab/registration.ts';
import type { InstallationConfig, RunnerConfig } from '../domain/runner/config.ts';
import type { CommandContext } from './context.ts';

/** The runners to do something with; their absence is said, for it may be the wrong file. */
export async function readInstalledRunners(
  path: string,
  context: CommandContext,
): Promise<readonly RunnerConfig[]> {
  const { runners } = await readInstalled(path, context);
  if (runners.length === 0) context.log().warn('no runners in the config file', { config: path });
  return runners;
}

/** The config file as it stands, with the entries that could not be run as well. */
export async function readInstalled(
  path: string,
  { io }: CommandContext,
): Promise<InstallationConfig> {
  const { text } = await readConfigFile(path);
  return readConfig({ text, path, env: io.env }).config;
}

/** An entry of the config file or one that is to become one. */
export type Registrable = Pick<RunnerConfig, 'url' | 'tlsCaFile' | 'tlsCertFile' | 'tlsKeyFile'>;

/** Asks the GitLab of one entry, and lets go of the connection. */
export async function askGitLab<T>(
  { url, tlsCaFile, tlsCertFile, tlsKeyFile }: Registrable,
  { context, configPath }: { readonly context: CommandContext; readonly configPath: string },
  ask: (client: RegistrationClient) => Promise<T>,
): Promise<T> {
  const { program, io } = context;
  const client = createRegistrationClient({
    ...{ url, tlsCaFile, tlsCertFile, tlsKeyFile, program },
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
