const LIFE_SIGN_MS = 10_000;

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Says now and then what is waited for, until it has come. */
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
