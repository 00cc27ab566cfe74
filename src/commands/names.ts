import { Command } from 'commander';
import { openKeyRing } from '../adapters/state/cipher.ts';
import type { CommandContext } from './context.ts';
import { keyRingOf } from './keys.ts';
import { configOption, type ConfigFlags } from './options.ts';

/** `names`: prints what to search for where names are hashed in Temporal. */
export function createNamesCommand(context: CommandContext): Command {
  const hashing = new Command('hash')
    .description(
      'Print the hashes that Temporal shows instead of a name, one for each key of the key ring',
    )
    .argument('<name>', 'The whole name of a project, a job, a ref or a runner')
    .addOption(configOption())
    .action((name: string, flags: ConfigFlags) => hashName(name, flags, context));
  return new Command('names')
    .description('Find builds when TEMPORAL_GITLAB_RUNNER_NAMES is hashed')
    .addCommand(hashing);
}

async function hashName(
  name: string,
  { config }: ConfigFlags,
  context: CommandContext,
): Promise<void> {
  const path = await keyRingOf(config, context);
  const { isFresh, nameHashes } = await openKeyRing(path);
  if (isFresh) {
    throw new Error(`${path} does not exist: name the config file of a node that has run`);
  }
  context.io.stdout.write(
    nameHashes(name)
      .map((hash) => `${hash}\n`)
      .join(''),
  );
}
