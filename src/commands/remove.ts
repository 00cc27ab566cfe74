import { removeRunners } from '../adapters/config/edit-runners.ts';
import { readConfig } from '../adapters/config/read-config.ts';
import { editConfigFile } from '../adapters/config/save-config.ts';
import type { CommandContext } from './context.ts';

/** Removes the entries with these keys from the config file, wherever they are in it now. */
export async function removeFromConfig(
  path: string,
  keys: ReadonlySet<string>,
  { io, log }: CommandContext,
): Promise<void> {
  await editConfigFile(path, (text) => {
    const { runners } = readConfig({ text, path, env: io.env }).config;
    const indexes = runners.flatMap(({ key }, index) => (keys.has(key) ? [index] : []));
    return removeRunners(text, new Set(indexes));
  });
  log().info(`Updated ${path}`);
}
