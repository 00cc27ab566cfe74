import { readNodeNote, type NodeNote } from '../adapters/state/node-note.ts';
import { stateDirectoryPaths, type StatePaths } from '../adapters/state/state-directory.ts';
import type { CommandContext } from './context.ts';

interface FoundState {
  readonly state: StatePaths;
  /** Where the node's note says that its Temporal is. */
  readonly notedTemporal: NodeNote['temporal'];
}

/**
 * Finds the state of the node with this config file. The directory comes from the environment, or
 * from the node's note beside the file.
 */
export async function findState(
  configPath: string,
  { io: { env } }: CommandContext,
): Promise<FoundState> {
  const note = await readNodeNote(configPath);
  const state = stateDirectoryPaths({ configPath, env, noted: note?.stateDir });
  return { state, notedTemporal: note?.temporal };
}
