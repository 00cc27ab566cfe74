import type { Client, WorkflowHandle } from '@temporalio/client';
import { Command, Option } from 'commander';
import { readTextIfThere } from '../adapters/state/durable-files.ts';
import type { FleetState } from '../domain/runner/fleet.ts';
import * as messages from '../workflows/messages.ts';
import { withTemporal } from './builds.ts';
import type { CommandContext } from './context.ts';
import { chooseRunner, seeNode } from './fleet.ts';
import { configOption } from './options.ts';

interface NodeFlags {
  readonly config: string;
  readonly node?: string;
}

/** `pause`: stops job requests of one runner until it is resumed. */
export function createPauseCommand(context: CommandContext): Command {
  return nodeCommand('pause', 'Stop job requests of one runner; its builds go on')
    .argument('<runner>', 'Its name in the config file, or its key from the log')
    .action((runner: string, flags: NodeFlags) =>
      withNode(flags, context, async ({ fleet, feeder, fields }) => {
        const { key, name } = chooseRunner(fleet, runner);
        await feeder.signal(messages.pauseRunnerSignal, key);
        const said = { ...fields, runner: key, runner_name: name };
        context.log().info('Runner paused until `resume`: its builds go on', said);
      }),
    );
}

/** `drain`: stops all job requests of a node until it is resumed. */
export function createDrainCommand(context: CommandContext): Command {
  return nodeCommand('drain', 'Stop all job requests, also after a restart; builds go on').action(
    (flags: NodeFlags) =>
      withNode(flags, context, async ({ feeder, fields }) => {
        await feeder.signal(messages.drainSignal);
        context.log().info('Node drained until `resume`: its builds go on', fields);
      }),
  );
}

/** `resume`: ends a drain, or the pause of one runner when its name is given. */
export function createResumeCommand(context: CommandContext): Command {
  return nodeCommand('resume', 'Resume job requests after `drain`, or of one runner after `pause`')
    .argument('[runner]', 'Name or key of the paused runner')
    .action((runner: string | undefined, flags: NodeFlags) =>
      withNode(flags, context, (node) =>
        runner === undefined ? resumeNode(node, context) : resumeRunner(node, runner, context),
      ),
    );
}

function nodeCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(configOption())
    .addOption(new Option('--node <name>', 'Use this node instead of the one of the config file'));
}

async function resumeNode(
  { fleet, feeder, fields }: FleetNode,
  context: CommandContext,
): Promise<void> {
  await feeder.signal(messages.resumeSignal);
  const what = fleet.isDraining ? 'Node resumed: it asks for jobs again' : 'Node was not drained';
  const paused = namesOf(fleet, fleet.paused);
  const still = paused.length > 0 && { still_paused: paused };
  context.log().info(what, { ...fields, ...still });
}

async function resumeRunner(
  { fleet, feeder, fields }: FleetNode,
  runner: string,
  context: CommandContext,
): Promise<void> {
  const { key, name } = chooseRunner(fleet, runner);
  await feeder.signal(messages.resumeRunnerSignal, key);
  const isPaused = fleet.paused.includes(key);
  const what = isPaused ? 'Runner resumed: it asks for jobs again' : 'Runner was not paused';
  const drained = fleet.isDraining && { still_drained: true };
  context.log().info(what, { ...fields, runner: key, runner_name: name, ...drained });
}

function namesOf({ settings }: FleetState, keys: readonly string[]): readonly string[] {
  return settings.runners.filter(({ key }) => keys.includes(key)).map(({ name }) => name);
}

/** A node that receives a command, with its state before that. */
interface FleetNode {
  readonly fleet: FleetState;
  readonly feeder: WorkflowHandle;
  readonly fields: { readonly node: string };
}

async function withNode(
  flags: NodeFlags,
  context: CommandContext,
  tell: (node: FleetNode) => Promise<void>,
): Promise<void> {
  await withTemporal(flags.config, context, async (client, { installationFile }) => {
    await tell(await findNode(client, flags.node ?? (await readName(installationFile))));
  });
}

async function readName(installationFile: string): Promise<string> {
  const name = (await readTextIfThere(installationFile))?.trim();
  if (name !== undefined) return name;
  throw new Error(`no node has run with ${installationFile}: start it, or name one with --node`);
}

async function findNode(client: Client, name: string): Promise<FleetNode> {
  const { fleet } = await seeNode(client, name);
  if (fleet === undefined) {
    throw new Error(
      `node ${JSON.stringify(name)} does not answer: start it, or name one that runs`,
    );
  }
  const feeder = client.workflow.getHandle(messages.feedRunnersId(name));
  return { fleet, feeder, fields: { node: name } };
}
