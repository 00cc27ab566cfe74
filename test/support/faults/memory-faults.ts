import assert from 'node:assert/strict';
import type { Fault } from './faults.ts';

const HOARDER = new URL('./full-heap.js', import.meta.url).href;
const HEAP_LIMIT_MIB = 96;

/** The environment of a program that should run out of memory. */
export const SMALL_HEAP = {
  NODE_OPTIONS: `--max-old-space-size=${HEAP_LIMIT_MIB} --import ${HOARDER}`,
} as const;

/** Lets Node abort because its heap is full, and starts the program again. */
export function runOutOfMemory(): Fault {
  return {
    name: 'worker out of memory',
    strike: ({ installation }) => installation.runner.signal('SIGUSR2'),
    mend: async ({ installation }) => {
      const { runner } = installation;
      await runner.whenExit(60_000);
      assert.match(runner.lines.join('\n'), /heap out of memory/);
      await installation.start();
    },
  };
}
