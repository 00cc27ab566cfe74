import { isMainThread } from 'node:worker_threads';

// Loaded into the program by `node --import`: SIGUSR2 fills its heap until Node gives up.

if (isMainThread) {
  process.on('SIGUSR2', () => {
    const hoard: unknown[] = [];
    for (;;) hoard.push(new Array(100_000).fill(hoard.length + 0.5));
  });
}
