import { parentPort } from 'node:worker_threads';
import { killAtEachCall, type Kills } from './kills.ts';

/** What a thread answers to each order. */
export interface KillsAnswer {
  /** Why the builds did not end as they should. */
  readonly error?: unknown;
}

const answer = (words: KillsAnswer): void => parentPort?.postMessage(words);

parentPort?.on('message', (kills: Kills) => {
  void killAtEachCall(kills).then(
    () => answer({}),
    (error: unknown) => answer({ error }),
  );
});
