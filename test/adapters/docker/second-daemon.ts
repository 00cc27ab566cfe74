import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Dockerode from 'dockerode';
import { JOB_IMAGE } from './support.ts';

/** A Docker daemon of a test's own, which can be stopped and frozen without harm to anybody. */
export interface SecondDaemon {
  readonly host: string;
  start(options: { readonly liveRestore: boolean }): Promise<void>;
  /** Resolves when the daemon itself is gone; its containers may go on. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Resolves when no thread of the daemon runs any more. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Stops everything and removes every file. */
  close(): Promise<void>;
}

/**
 * A daemon without a bridge removes docker0 when it starts: that of the usual daemon, were it not in a
 * network namespace of its own.
 */
const OWN_NETWORK = ['unshare', '--net'] as const;

/** Why a second daemon cannot be had here; undefined when it can. */
export function whyNoSecondDaemon(): string | undefined {
  if (process.getuid?.() !== 0) return 'starting a Docker daemon needs root';
  try {
    const [program, ...words] = [...OWN_NETWORK, 'dockerd'];
    execFileSync(program, [...words, '--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no program dockerd here, or no network namespace for it';
  }
}

/** Prepares a daemon that has the job image; it does not run yet. No network: nothing is shared. */
export async function openSecondDaemon(): Promise<SecondDaemon> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-dockerd-'));
  const socketPath = join(directory, 'd.sock');
  const containerdPid = join(directory, 'x', 'containerd', 'containerd.pid');
  let daemon: ChildProcess | undefined;

  const start: SecondDaemon['start'] = async ({ liveRestore }) => {
    const [program, ...words] = [...OWN_NETWORK, 'dockerd'];
    const args = [
      ...['--host', `unix://${socketPath}`, '--data-root', join(directory, 'data')],
      ...['--exec-root', join(directory, 'x'), '--pidfile', join(directory, 'pid')],
      ...['--bridge', 'none', '--iptables=false', '--shutdown-timeout=1'],
      `--live-restore=${liveRestore}`,
    ];
    const started = spawn(program, [...words, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    started.stderr.pipe(createWriteStream(join(directory, 'log'), { flags: 'a' }));
    daemon = started;
    await untilReady(socketPath, () => started.exitCode === null, join(directory, 'log'));
  };
  const stop: SecondDaemon['stop'] = async (signal) => {
    const stopped = daemon;
    daemon = undefined;
    if (stopped === undefined) return;
    const exit = once(stopped, 'exit');
    stopped.kill(signal);
    await exit;
    // Its containerd died with it; a pid that nobody reaps would be taken for one that runs.
    if (signal === 'SIGKILL') await rm(containerdPid, { force: true });
  };
  return {
    host: `unix://${socketPath}`,
    start,
    stop,
    freeze: async () => {
      daemon?.kill('SIGSTOP');
      // A thread that was about to answer may still do so: nothing tells when the last has stopped.
      while (!(await isStopped(daemon?.pid ?? 0))) await delay(5);
    },
    thaw: () => void daemon?.kill('SIGCONT'),
    close: async () => {
      daemon?.kill('SIGCONT');
      if (daemon === undefined) await start({ liveRestore: false });
      await removeContainers(socketPath);
      await stop('SIGTERM');
      // Mounted onto itself by the daemon, and left so for containers that go on.
      for (let isMounted = true; isMounted;) isMounted = unmounted(join(directory, 'data'));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function isStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(
    threads.map(async (thread) => {
      const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2).charAt(0);
    }),
  );
  return states.every((state) => state === 'T');
}

/** The image goes from the usual daemon to the second one. */
export async function copyJobImage(host: string): Promise<void> {
  const image = await new Dockerode().getImage(JOB_IMAGE).get();
  const to = new Dockerode({ socketPath: host.replace('unix://', '') });
  const progress = await to.loadImage(image);
  progress.resume();
  await once(progress, 'end');
}

async function untilReady(
  socketPath: string,
  isAlive: () => boolean,
  logPath: string,
): Promise<void> {
  const docker = new Dockerode({ socketPath });
  for (let tries = 0; tries < 600; tries += 1) {
    try {
      await docker.ping();
      return;
    } catch {
      // It makes its socket when it is ready, and offers nothing to wait for before.
      if (!isAlive()) break;
      await delay(50);
    }
  }
  throw new Error(`the second Docker daemon did not start: ${await readFile(logPath, 'utf8')}`);
}

async function removeContainers(socketPath: string): Promise<void> {
  const docker = new Dockerode({ socketPath });
  const containers = await docker.listContainers({ all: true });
  await Promise.all(
    containers.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })),
  );
}

function unmounted(path: string): boolean {
  try {
    execFileSync('umount', ['--lazy', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
