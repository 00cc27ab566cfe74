import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './faults.ts';

const BLOCKER = new URL('./blocked-loop.js', import.meta.url).href;

/** Sends SIGQUIT. The program takes no more jobs and ends after its job. */
export function drainWorker(): Fault {
  return {
    name: 'worker drained',
    strike: ({ installation }) => installation.runner.signal('SIGQUIT'),
    mend: async ({ installation, job }) => {
      assert.equal(await installation.runner.whenExit(90_000), 0);
      assert.equal(job.state, 'success', 'it did not wait for its job');
      await installation.start();
    },
  };
}

/** Sends SIGQUIT and then SIGTERM. The program ends, and the job continues in its container. */
export function drainThenStopWorker(): Fault {
  return {
    name: 'worker drained, then told to stop',
    strike: ({ installation }) => installation.runner.signal('SIGQUIT'),
    mend: async ({ installation }) => {
      const { runner } = installation;
      await runner.whenLog(/SIGQUIT: no new jobs/);
      assert.equal(await runner.end('SIGTERM', 10_000), 0);
      await installation.start();
    },
  };
}

/** Sends a second signal, which ends the process at once. */
export function stopWorkerTwice(signal: 'SIGTERM' | 'SIGINT'): Fault {
  return {
    name: `worker told to stop twice by ${signal}`,
    strike: ({ installation }) => installation.runner.signal(signal),
    mend: async ({ installation }) => {
      const { runner } = installation;
      await runner.whenLog(new RegExp(`${signal}: stopping`));
      assert.equal(await runner.end(signal, 2_000), 1);
      await installation.start();
    },
  };
}

/** The environment of a program whose event loop should be blocked. */
export const BLOCKABLE: Readonly<Record<string, string>> = { NODE_OPTIONS: `--import ${BLOCKER}` };

/** Blocks the main thread of the program for this time. Its other threads continue. */
export function blockLoop(durationMs: number): Fault {
  return {
    name: `event loop blocked for ${durationMs / 1000} s`,
    strike: ({ installation }) => installation.runner.signal('SIGUSR2'),
    mend: async ({ installation }) => {
      await delay(durationMs); // The outage lasts this long.
      await installation.runner.whenLog(/the event loop was blocked/);
    },
  };
}
