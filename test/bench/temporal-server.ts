import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { temporalCli } from '../support/temporal/temporal-cli.ts';

/**
 * Starts a Temporal server for the bench. It keeps its records on the disk, as the embedded one
 * does.
 */
export async function startTemporal() {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-bench-temporal-'));
  const port = 20_000 + (process.pid % 10_000);
  const file = join(directory, 'temporal.db');
  const args = ['server', 'start-dev', '--headless', '--port', String(port), '--db-filename', file];
  const child = spawn(temporalCli(), args, { stdio: 'ignore' });
  const exited = once(child, 'exit');
  await whenListening(port);
  return {
    address: `127.0.0.1:${port}`,
    close: async () => {
      child.kill('SIGTERM');
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function whenListening(port: number): Promise<void> {
  for (let triesLeft = 300; triesLeft > 0; triesLeft -= 1) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await delay(100);
  }
  throw new Error(`Temporal does not listen on port ${port}`);
}
