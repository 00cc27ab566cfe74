import { readTextIfThere } from '../adapters/state/durable-files.ts';
import type { StatePaths } from '../adapters/state/state-directory.ts';
import { askStatus, type Silence } from '../adapters/metrics/status-socket.ts';
import { Command } from 'commander';
import { countOpenBuilds, withTemporal } from './builds.ts';
import type { CommandContext } from './context.ts';
import { findState } from './find-state.ts';
import { listNodes } from './fleet.ts';
import { booleanOption, configOption } from './options.ts';
import { formatStatus, toJson, type FoundNode, type OtherNode } from './status-text.ts';
import { createPaint } from './terminal.ts';

interface StatusFlags {
  readonly config: string;
  readonly json?: boolean;
}

/**
 * `status`: prints what the node of this config file does, what is wrong with it, and which other
 * nodes there are.
 */
export function createStatusCommand(context: CommandContext): Command {
  return new Command('status')
    .description('Show what this node does and what is wrong; exits with 1 when it does not run')
    .addOption(configOption())
    .addOption(booleanOption('--json', 'Print a JSON document'))
    .action((flags: StatusFlags) => showStatus(flags, context));
}

async function showStatus({ config, json }: StatusFlags, context: CommandContext): Promise<void> {
  const { stdout } = context.io;
  const { state } = await findState(config, context);
  const [answer, nodes] = await Promise.all([
    askStatus(state.statusSocket),
    findNodes(config, context),
  ]);
  const node = (await readTextIfThere(state.installationFile).catch(() => undefined))?.trim();
  const found: FoundNode = {
    ...(node !== undefined && { node }),
    ...(typeof answer === 'string'
      ? { why: describeSilence(answer, state) }
      : { status: answer, fleet: nodes.find((one) => one.node === node)?.fleet }),
    others: nodes.filter((one) => one.node !== node),
  };
  if (json === true) stdout.write(`${JSON.stringify(toJson(found, Date.now()))}\n`);
  else stdout.write(formatStatus(found, { paint: createPaint(context.io), nowMs: Date.now() }));
  if (found.status === undefined) context.setExitCode(1);
}

const REASONS: Readonly<Record<Silence, string>> = {
  'not running': 'no worker runs with this state directory',
  'no answer': 'a worker runs, but did not answer within 8 s',
  'not allowed': 'this user may not ask the worker: ask as the user that runs it',
};

function describeSilence(silence: Silence, { path }: StatePaths): string {
  return `${REASONS[silence]}: ${path}`;
}

/**
 * Finds every node that Temporal knows, with its builds. Returns none when Temporal does not
 * answer, because the node itself reports that.
 */
async function findNodes(config: string, context: CommandContext): Promise<readonly OtherNode[]> {
  try {
    return await withTemporal(config, context, async (client) => {
      const [nodes, builds] = await Promise.all([listNodes(client), countOpenBuilds(client)]);
      return nodes.map((one) => ({ ...one, builds: builds.get(one.node) ?? 0 }));
    });
  } catch (error) {
    context.log().debug('Temporal was not asked about nodes', { error });
    return [];
  }
}
