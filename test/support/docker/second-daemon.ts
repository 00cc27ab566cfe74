import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Dockerode from 'dockerode';
import { dockerAt, untilReady } from './docker-at.ts';
import { HELPER_IMAGE, JOB_IMAGE } from './images.ts';
import { endProcess, hasEnded } from '../child-process.ts';
import { openNetwork } from '../own-network.ts';

/**
 * A separate Docker daemon for a test, which can be stopped and frozen without harm to other tests.
 */
export interface SecondDaemon {
  readonly host: string;
  /** The address of this machine for containers with the daemon's own network (`host`). */
  readonly gateway: string;
  /** The directory of images and containers. It is small when a test has asked for a small disk. */
  readonly dataRoot: string;
  start(options: { readonly liveRestore: boolean }): Promise<void>;
  /** Resolves when the daemon itself has ended. Its containers may continue. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Resolves when no thread of the daemon runs any more. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Stops everything and removes every file. */
  close(): Promise<void>;
}

/** Returns why a second daemon cannot run here, or undefined when it can. */
export function whyNoSecondDaemon(): string | undefined {
  if (process.getuid?.() !== 0) return 'starting a Docker daemon needs root';
  try {
    execFileSync('dockerd', ['--version'], { stdio: 'ignore' });
    openNetwork().close();
    return undefined;
  } catch {
    return 'there is no program dockerd here, or no network namespace for it (ip of iproute2)';
  }
}

export interface SecondDaemonOptions {
  /** Gives the daemon a small separate disk, which can become full. */
  readonly diskMib?: number;
}

/** Prepares a daemon that has no images. The caller must start it. */
export async function openSecondDaemon({
  diskMib,
}: SecondDaemonOptions = {}): Promise<SecondDaemon> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-dockerd-'));
  const dataRoot = join(directory, 'data');
  const network = openNetwork();
  if (diskMib !== undefined) await mountDisk(dataRoot, diskMib);
  const socketPath = join(directory, 'd.sock');
  const containerdPid = join(directory, 'x', 'containerd', 'containerd.pid');
  let daemon: ChildProcess | undefined;

  const start: SecondDaemon['start'] = async ({ liveRestore }) => {
    const args = [
      ...['--host', `unix://${socketPath}`, '--data-root', dataRoot],
      ...['--exec-root', join(directory, 'x'), '--pidfile', join(directory, 'pid')],
      ...['--bridge', 'none', '--iptables=false', '--shutdown-timeout=1'],
      `--live-restore=${liveRestore}`,
    ];
    const started = spawn('nsenter', [`--net=${network.path}`, 'dockerd', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    started.stderr.pipe(createWriteStream(join(directory, 'log'), { flags: 'a' }));
    daemon = started;
    await untilReady(`unix://${socketPath}`, () => !hasEnded(started), join(directory, 'log'));
  };
  const stop: SecondDaemon['stop'] = async (signal) => {
    const stopped = daemon;
    daemon = undefined;
    if (stopped === undefined) return;
    await endProcess(stopped, signal);
    // The daemon's containerd has ended with it. Its zombie process would count as running.
    if (signal === 'SIGKILL') await rm(containerdPid, { force: true });
  };
  return {
    host: `unix://${socketPath}`,
    gateway: network.gateway,
    dataRoot,
    start,
    stop,
    freeze: async () => {
      daemon?.kill('SIGSTOP');
      // No event reports that the last thread has stopped, and a thread that still runs may answer.
      while (!(await isStopped(daemon?.pid ?? 0))) await delay(5);
    },
    thaw: () => void daemon?.kill('SIGCONT'),
    close: async () => {
      daemon?.kill('SIGCONT');
      if (daemon === undefined) await start({ liveRestore: false });
      await removeContainers(`unix://${socketPath}`);
      await stop('SIGTERM');
      // The daemon mounts these at each start, and leaves them mounted for containers that
      // continue.
      for (const mounted of [dataRoot, join(directory, 'x', 'netns', 'default')]) {
        for (let isMounted = true; isMounted;) isMounted = unmounted(mounted);
      }
      network.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Mounts a disk in memory on which overlay filesystems work. */
async function mountDisk(path: string, mib: number): Promise<void> {
  await mkdir(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', path]);
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

/** Copies the images that jobs of tests need from the usual daemon to the second one. */
export async function copyImages(host: string): Promise<void> {
  for (const name of [JOB_IMAGE, HELPER_IMAGE]) await copyImage(name, host);
}

/** Copies an image from the usual daemon to the second one. */
export async function copyImage(name: string, host: string): Promise<void> {
  const image = await new Dockerode().getImage(name).get();
  const progress = await dockerAt(host).loadImage(image);
  progress.resume();
  await once(progress, 'end');
}

async function removeContainers(host: string): Promise<void> {
  const docker = dockerAt(host);
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
