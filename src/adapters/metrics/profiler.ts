import { Session } from 'node:inspector/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** A profile of what this process does with its CPU, as Chrome's DevTools open it (`.cpuprofile`). */
export async function takeCpuProfile(seconds: number): Promise<string> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    await delay(seconds * 1000, undefined, { ref: false });
    const { profile } = await session.post('Profiler.stop');
    return JSON.stringify(profile);
  } finally {
    session.disconnect();
  }
}
