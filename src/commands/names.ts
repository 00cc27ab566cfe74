import { Command } from 'commander';
import { openKeyRing } from '../adapters/state/cipher.ts';
import type { CommandContext } from './context.ts';
import { keyRingOf } from './keys.ts';
import { configOption } from './options.ts';

interface NamesFlags {
  readonly config: string;
}

/** `names`: where names are hashed in Temporal, what to search for. */
export function createNamesCommand(context: CommandContext): Command {
  const hashing = new Command('hash')
    .description('Print what Temporal has instead of a name; a line for each key of the key ring')
    .argument('<name>', 'Of a project, a job, a ref or a runner, whole')
    .addOption(configOption())
    .action((name: string, flags: NamesFlags) => hashName(name, flags, context));
  return new Command('names')
    .description('Find builds where TEMPORAL_GITLAB_RUNNER_NAMES is hashed')
    .addCommand(hashing);
}

async function hashName(
  name: string,
  { config }: NamesFlags,
  context: CommandContext,
): Promise<void> {
  const path = await keyRingOf(config, context);
  const { isFresh, nameHashes } = await openKeyRing(path);
  if (isFresh) {
    throw new Error(`${path} is not there: name the config file of a node that has run`);
  }
  context.io.stdout.write(
    nameHashes(name)
      .map((hash) => `${hash}\n`)
      .join(''),
  );
}
