import { isMainThread } from 'node:worker_threads';

// `node --import` loads this file into the program. SIGUSR2 then blocks the program's event loop
// for longer than the heartbeat time-out.

const BLOCKED_MS = 40_000;

if (isMainThread) {
  process.on('SIGUSR2', () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCKED_MS);
    process.stderr.write('the event loop was blocked\n');
  });
}
