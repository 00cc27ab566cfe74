import { Session } from 'node:inspector/promises';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Records a profile of the CPU use of this process, which Chrome's DevTools can open
 * (`.cpuprofile`).
 */
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
