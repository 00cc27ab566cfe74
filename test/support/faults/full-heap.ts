import { isMainThread } from 'node:worker_threads';

// `node --import` loads this file into the program. SIGUSR2 then fills the heap until Node aborts.

if (isMainThread) {
  process.on('SIGUSR2', () => {
    const hoard: unknown[] = [];
    for (;;) hoard.push(new Array(100_000).fill(hoard.length + 0.5));
  });
}
