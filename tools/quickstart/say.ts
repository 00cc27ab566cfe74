const LIFE_SIGN_MS = 10_000;

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints from time to time what the quickstart waits for, until that has happened. */
export async function waitingFor<T>(what: string, coming: Promise<T>): Promise<T> {
  const sinceMs = Date.now();
  const timer = setInterval(() => {
    say(`  waits for ${what} (${formatSeconds(Date.now() - sinceMs)})`);
  }, LIFE_SIGN_MS);
  try {
    return await coming;
  } finally {
    clearInterval(timer);
  }
}

export function formatSeconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
