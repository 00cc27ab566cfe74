import { endAll, endOnSignals } from './at-end.mjs';

// The scripts tell a person one line for each step, and a sign of life during long ones.

const LIFE_SIGN_MS = 15_000;

export function say(text) {
  process.stderr.write(`${text}\n`);
}

/**
 * Runs `work`, which may take long. Prints what it does, that it is still running, what it waits
 * for, and how long it took.
 */
export async function step(title, work, waitsFor) {
  say(`… ${title}`);
  const sinceMs = Date.now();
  const waits = waitsFor === undefined ? '' : `, waits for ${waitsFor}`;
  const timer = setInterval(
    () => say(`  still at it: ${title} (${seconds(sinceMs)})${waits}`),
    LIFE_SIGN_MS,
  );
  try {
    const result = await work();
    say(`✔ ${title} (${seconds(sinceMs)})`);
    return result;
  } catch (error) {
    say(`✘ ${title} (${seconds(sinceMs)})`);
    throw error;
  } finally {
    clearInterval(timer);
  }
}

function seconds(sinceMs) {
  return `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
}

/** An error with a reason that a person can act on. It is printed without a stack. */
export class SetUpError extends Error {}

/**
 * Runs a script's main function. Its result, or its failure, becomes the exit code of the process.
 */
export async function main(work) {
  endOnSignals();
  let exitCode = 1;
  try {
    exitCode = (await work()) ?? 0;
  } catch (error) {
    say(error instanceof SetUpError ? `error: ${error.message}` : String(error?.stack ?? error));
  }
  await endAll();
  process.exit(exitCode);
}
