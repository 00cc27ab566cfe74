import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { writeDurably } from '../state/durable-files.ts';
import { describeProcess, ENDED } from '../state/process-identity.ts';

const FILE = 'server.json';
const STOP_LIMIT_MS = 10_000;

const recordSchema = z.object({
  pid: z.number().int(),
  identity: z.string(),
  port: z.number().int(),
  uiPort: z.number().int(),
});

/** The embedded server's process and its ports, as the next process of the node finds them. */
export type ServerRecord = z.infer<typeof recordSchema>;

export async function readRecord(stateDir: string): Promise<ServerRecord | undefined> {
  const text = await readFile(join(stateDir, FILE), 'utf8').catch(() => '');
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return undefined; // The record is missing or incomplete, so a new one is written.
  }
}

export async function writeRecord(stateDir: string, record: ServerRecord): Promise<void> {
  await writeDurably(join(stateDir, FILE), Buffer.from(`${JSON.stringify(record)}\n`));
}

/** Whether the recorded process lives. Throws when that cannot be read. */
export async function isAlive({ pid, identity }: ServerRecord): Promise<boolean> {
  // The process of such a record had ended before it was described.
  return identity !== ENDED && (await describeProcess(pid)) === identity;
}

/** Ends a server and waits until it has ended. Does nothing when it does not live. */
export async function endServer(pid: number, lives: () => Promise<boolean>): Promise<void> {
  if (!(await lives())) return;
  process.kill(pid, 'SIGTERM');
  const endMs = performance.now() + STOP_LIMIT_MS;
  while (await lives()) {
    if (performance.now() > endMs) process.kill(pid, 'SIGKILL');
    await delay(20);
  }
}
