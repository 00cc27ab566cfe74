import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Fault } from './faults.ts';

const HOUR_MS = 3_600_000;
const MODULE = new URL('./moved-clock.js', import.meta.url).href;

/**
 * Returns the environment of a program whose clock `file` sets. The clock of its Temporal stays
 * right.
 */
export function clockEnv(file: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--import ${MODULE}`, TGR_TEST_CLOCK_FILE: file };
}

/** Moves the clock by this number of hours. */
export function setClock(file: string, hours: number): void {
  writeFileSync(file, `${movedMs(file) + hours * HOUR_MS}`);
}

function movedMs(file: string): number {
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
}

/** The clock of the node's process jumps and stays there. */
export function moveClock(file: string, hours: number): Fault {
  return {
    name: `clock set ${hours > 0 ? 'forward' : 'back'} by an hour`,
    strike: () => setClock(file, hours),
    confirm: ({ installation }) => {
      const { time } = JSON.parse(installation.runner.lines.at(-1) ?? '') as { time: string };
      const offMs = Date.parse(time) - Date.now() - movedMs(file);
      assert.ok(Math.abs(offMs) < HOUR_MS / 2, `the program says that it is ${time}`);
    },
  };
}
