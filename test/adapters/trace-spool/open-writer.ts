import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log, TraceSpool, TraceWriter } from '../../../src/ports/index.ts';
import { createTraceSpool } from '../../../src/adapters/trace-spool/trace-spool.ts';
import { contextOf, type ContextChanges } from '../../domain/job/context-fixture.ts';

const BUILD_ID = contextOf().buildId;
export const ENDED = AbortSignal.abort();
export const NO_STAMPS = { key: 'FF_TIMESTAMPS', value: 'false' };
const SECRET = { key: 'PASSWORD', value: 'hunter2hunter2', masked: true };

export let directory: string;
export let output: string;
export let errors: unknown[];
let spools: TraceSpool[];

/** Gives each test of the calling file a directory, and closes its spools. */
export function setUpSpools(): void {
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'trace-spool-'));
    output = join(directory, 'output');
    await writeFile(output, '');
    errors = [];
    spools = [];
  });
  afterEach(async () => {
    await Promise.all(spools.map((spool) => spool.close(BUILD_ID)));
    await rm(directory, { recursive: true, force: true });
  });
}

const silent = (): void => undefined;
const log: Log = {
  debug: silent,
  info: silent,
  warn: silent,
  error: (message, fields) => errors.push({ message, ...fields }),
};

/**
 * Opens a spool as in a new process. A spool that is dropped without closing simulates a crash, and
 * another boot a restart of the machine.
 */
export function newSpool(boot?: string): TraceSpool {
  const spool = createTraceSpool({
    builds: { directory: () => directory },
    clock: {
      nowMs: () => Date.now(),
      monotonicMs: () => performance.now(),
      boot,
      sleep: (ms, signal) => sleep(ms, undefined, { signal }),
    },
    log,
  });
  spools.push(spool);
  return spool;
}

/** A writer of a new process, for a trace without time stamps unless `variables` want them. */
export function openWriter(
  changes: ContextChanges & { variables?: readonly object[]; boot?: string } = {},
): Promise<TraceWriter> {
  const { variables = [NO_STAMPS, SECRET], boot, ...rest } = changes;
  return newSpool(boot).open(contextOf({ ...rest, job: { variables, ...rest.job } }));
}

export async function sendable(writer: TraceWriter): Promise<string> {
  await writer.checkpoint();
  return Buffer.from(await writer.read(0, 100_000_000)).toString();
}
