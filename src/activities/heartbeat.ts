import { heartbeat } from '@temporalio/activity';

const INTERVAL_MS = 5_000;

/** Tells Temporal that the process lives while `work` lasts. */
export async function withHeartbeat<T>(work: () => Promise<T>): Promise<T> {
  heartbeat();
  const timer = setInterval(() => heartbeat(), INTERVAL_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
