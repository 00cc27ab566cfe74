import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { appendFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Interception } from '../fake-gitlab/types.ts';
import type { Fault } from './faults.ts';
import type { Installation } from '../installation.ts';
import { buildsOf } from '../leftovers.ts';

/** Damages a file as a power cut may do. The first `syncedBytes` of the file were synced. */
export type Damage = (file: string, syncedBytes: number) => Promise<void>;

/** No log contains this byte, because it is not part of UTF-8. */
const GARBAGE = 0xfe;

/** When the script prints this line, some of its output is already synced and sent. */
const SAID = /line 5/;

/** Kills the program and damages its spool file. */
export function damageSpool(name: string, damage: Damage): Fault {
  return {
    name: `worker killed, its spool ${name}`,
    strike: ({ installation, job }) => {
      if (SAID.test(job.log)) installation.runner.signal('SIGKILL');
    },
    mend: async ({ installation, job }) => {
      await job.whenLog(SAID);
      await installation.runner.end('SIGKILL');
      const file = await spoolFileOf(installation);
      const before = readFileSync(file);
      await damage(file, syncedBytesOf(file));
      assert.notDeepEqual(readFileSync(file), before, 'nothing was damaged');
      await installation.start();
    },
    confirm: ({ job }) => assert.ok(!job.trace.includes(GARBAGE), 'garbage is in the trace'),
  };
}

/** Does the same to a log of which GitLab has received nothing. */
export function damageUnsentSpool(name: string, damage: Damage): Fault {
  let interception: Interception | undefined;
  return {
    name: `worker killed, its unsent spool ${name}`,
    strike: ({ installation, job }) => {
      interception = installation.gitlab.intercept(({ kind, jobId }) =>
        kind === 'trace' && jobId === job.id ? { cut: true } : undefined,
      );
    },
    mend: async ({ installation }) => {
      const file = await whenSynced(installation);
      await installation.runner.end('SIGKILL');
      await damage(file, syncedBytesOf(file));
      interception?.remove();
      await installation.start();
    },
    confirm: ({ job }) => assert.ok(!job.trace.includes(GARBAGE), 'garbage is in the trace'),
  };
}

const ENOUGH_BYTES = 1000;

async function whenSynced(installation: Installation): Promise<string> {
  for (;;) {
    await delay(100); // No event reports a sync.
    const isThere = existsSync(join(installation.stateDir, 'builds'));
    const file = isThere ? await findSpoolFile(installation) : undefined;
    if (file === undefined || !existsSync(`${file}.checkpoint`)) continue;
    if (syncedBytesOf(file) >= ENOUGH_BYTES) return file;
  }
}

export function cut(bytes: number): Damage {
  return (file, syncedBytes) => truncate(file, Math.max(0, syncedBytes - bytes));
}

/**
 * Replaces this many synced bytes with garbage, and writes more garbage after them. The garbage
 * stands for allocated blocks that were never written.
 */
export function garble(bytes: number): Damage {
  return async (file, syncedBytes) => {
    await cut(bytes)(file, syncedBytes);
    await appendFile(file, Buffer.alloc(bytes + 4096, GARBAGE));
  };
}

function syncedBytesOf(file: string): number {
  const text = readFileSync(`${file}.checkpoint`, 'utf8');
  return (JSON.parse(text) as { pipeline: { lengthBytes: number } }).pipeline.lengthBytes;
}

async function spoolFileOf(installation: Installation): Promise<string> {
  const file = await findSpoolFile(installation);
  assert.ok(file !== undefined, 'there is one build');
  return file;
}

async function findSpoolFile({ stateDir }: Installation): Promise<string | undefined> {
  const [build] = await buildsOf(stateDir);
  return build === undefined ? undefined : join(stateDir, 'builds', build, 'trace');
}
