import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './faults.ts';
import type { Installation } from './installation.ts';

/** The program may open no more files than it has open, and `spare` more, for a while. */
export function shortenDescriptors(spare: number, durationMs: number): Fault {
  return {
    name: `file descriptors short for ${durationMs / 1000} s`,
    strike: ({ installation }) =>
      limitDescriptors(installation, countDescriptors(installation) + spare),
    mend: async ({ installation }) => {
      await delay(durationMs); // the outage itself
      limitDescriptors(installation, 4_096);
    },
    confirm: ({ installation: { runner } }) =>
      assert.ok(!runner.hasExited, 'the program has ended'),
  };
}

export function limitDescriptors({ runner: { pid } }: Installation, limit: number): void {
  execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${limit}:`]);
}

export function countDescriptors({ runner: { pid } }: Installation): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}
