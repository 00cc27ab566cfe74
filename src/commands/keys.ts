import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { exportKeyRing, importKeyRing } from '../adapters/state/cipher.ts';
import type { CommandContext } from './context.ts';
import { findState } from './find-state.ts';
import { configOption, type ConfigFlags } from './options.ts';

/** `keys`: passes the keys of a node to another one that shares its Temporal. */
export function createKeysCommand(context: CommandContext): Command {
  const exporting = new Command('export')
    .description('Write the key ring to standard output, which must be a pipe or a file')
    .addOption(configOption())
    .action((flags: ConfigFlags) => exportKeys(flags, context));
  const importing = new Command('import')
    .description('Read a key ring from standard input, for a node that has none yet')
    .addOption(configOption())
    .action((flags: ConfigFlags) => importKeys(flags, context));
  return new Command('keys')
    .description('Copy the keys of a node to another one')
    .addCommand(exporting)
    .addCommand(importing);
}

async function exportKeys({ config }: ConfigFlags, context: CommandContext): Promise<void> {
  const { stdout } = context.io;
  if (stdout.isTTY === true) {
    throw new Error('keys are not shown on a terminal: pipe them into `keys import` of the node');
  }
  const path = await keyRingOf(config, context);
  stdout.write(await exportKeyRing(path));
  context.log().info('Keys exported: anybody who has them can read all jobs and secrets', { path });
}

async function importKeys({ config }: ConfigFlags, context: CommandContext): Promise<void> {
  const path = await keyRingOf(config, context);
  const isNew = await importKeyRing(path, await text(context.io.input));
  context.log().info(isNew ? 'Keys imported' : 'Keys were there already', { path });
}

/** Returns the path of the key ring of the node with this config file. */
export async function keyRingOf(configPath: string, context: CommandContext): Promise<string> {
  return (await findState(configPath, context)).state.keyRingFile;
}
