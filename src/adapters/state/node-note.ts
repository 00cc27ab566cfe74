import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { Log } from '../../ports/index.ts';
import { writeDurably } from './durable-files.ts';

/**
 * Tells where the node of a config file keeps its state, and where its Temporal is. Contains no
 * secret.
 */
export interface NodeNote {
  readonly stateDir: string;
  /** Absent when the node has its own Temporal in its state directory. */
  readonly temporal?: { readonly address: string; readonly namespace: string } | undefined;
}

const schema = z.object({
  stateDir: z.string().min(1),
  temporal: z.object({ address: z.string(), namespace: z.string() }).optional(),
});

/**
 * Returns the path of the note. It is beside the config file, because a person's shell knows that
 * path, but not the environment of the service that runs the node.
 */
function noteFile(configPath: string): string {
  return join(dirname(configPath), `.${basename(configPath)}.node`);
}

/**
 * Writes the note. Never throws: when the directory is not writable, commands need the node's
 * environment.
 */
export async function writeNodeNote(
  configPath: string,
  { note, log }: { readonly note: NodeNote; readonly log: Log },
): Promise<void> {
  try {
    await writeDurably(noteFile(configPath), Buffer.from(`${JSON.stringify(note)}\n`));
  } catch (error) {
    log.info(
      'commands cannot find this node by its config file: the note beside it cannot be written',
      {
        path: noteFile(configPath),
        error,
      },
    );
  }
}

/** Reads the note; undefined when no node has run, or its note is unusable. */
export async function readNodeNote(configPath: string): Promise<NodeNote | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(noteFile(configPath), 'utf8')));
  } catch {
    return undefined;
  }
}
