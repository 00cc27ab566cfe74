import { randomBytes } from 'node:crypto';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endProcess, hasEnded } from './child-process.ts';
import { dockerAt, isPodman, untilReady } from './docker/docker-at.ts';
import { openNetwork, type OwnNetwork } from './own-network.ts';

/** A service with Podman's API, which has its own containers and images. */
export interface Podman {
  /** The value for `[runners.docker] host`. */
  readonly host: string;
  /** The address of this machine for containers with the service's own network (`host`). */
  readonly gateway: string;
  readonly version: string;
  /** Restarts the service. Its containers keep running. */
  restart(): Promise<void>;
  /**
   * Makes the storage record a mount of this container, which has ended, while there is none. Two
   * processes of Podman on a busy machine leave such records behind.
   */
  recordMount(id: string): Promise<void>;
  /** Stops everything and removes every file. */
  close(): Promise<void>;
}

/** Returns why Podman cannot run here, or undefined when it can. */
export function whyNoPodman(): string | undefined {
  if (process.getuid?.() !== 0) return 'starting Podman in a network of its own needs root';
  try {
    execFileSync('podman', ['--version'], { stdio: 'ignore' });
    execFileSync('runc', ['--version'], { stdio: 'ignore' });
  } catch {
    return 'there is no Podman here: apt-get install --no-install-recommends podman runc catatonit';
  }
  try {
    openNetwork().close();
    return undefined;
  } catch {
    return 'there is no network namespace for Podman here (ip of iproute2)';
  }
}

/**
 * Returns why the usual engine has no init program for containers, or undefined when it has one.
 * Docker brings its own. Podman uses catatonit, which Debian does not install with it.
 */
export async function whyNoInit(): Promise<string | undefined> {
  if (!(await isPodman(dockerAt(undefined)))) return undefined;
  const places = ['/usr/libexec/podman/catatonit', '/usr/lib/podman/catatonit'];
  if (places.some((place) => existsSync(place))) return undefined;
  return 'Podman has no init program here: apt-get install --no-install-recommends catatonit';
}

/** Starts the service as root. It has no images. */
export async function openPodman(): Promise<Podman> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-podman-'));
  const network = openNetwork();
  const config = join(directory, 'containers.conf');
  const registries = join(directory, 'registries.conf');
  await writeFile(config, containersConf());
  await writeFile(registries, REGISTRIES_CONF);
  const socketPath = join(directory, 'podman.sock');
  const log = join(directory, 'log');
  const roots = [
    ...['--root', join(directory, 'root'), '--runroot', join(directory, 'run')],
    ...['--tmpdir', join(directory, 'tmp'), '--network-config-dir', join(directory, 'networks')],
  ];
  const env = {
    ...process.env,
    CONTAINERS_CONF: config,
    CONTAINERS_REGISTRIES_CONF: registries,
  };
  let service: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const args = [...roots, 'system', 'service', '--time=0', `unix://${socketPath}`];
    const started = spawn('nsenter', [`--net=${network.path}`, 'podman', ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env,
      // Its conmon leaves a file `oom` where it was started.
      cwd: directory,
    });
    started.stderr.pipe(createWriteStream(log, { flags: 'a' }));
    service = started;
    await untilReady(`unix://${socketPath}`, () => !hasEnded(started), log);
  };
  const stop = async (): Promise<void> => {
    const stopped = service;
    service = undefined;
    if (stopped === undefined) return;
    await endProcess(stopped, 'SIGTERM');
  };
  const close = async (): Promise<void> => {
    await stop();
    inNetwork(network, ['podman', ...roots, 'rm', '--all', '--force', '--time=0'], env);
    inNetwork(network, ['podman', ...roots, 'volume', 'rm', '--all', '--force'], env);
    unmountBelow(directory);
    network.close();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
  const { Version: version } = await dockerAt(`unix://${socketPath}`).version();
  const restart = async (): Promise<void> => {
    await stop();
    await start();
  };
  const recordMount = (id: string): Promise<void> => recordMountOf(directory, id);
  const { gateway } = network;
  return { host: `unix://${socketPath}`, gateway, version, restart, recordMount, close };
}

/** A record of containers/storage. */
interface MountRecord {
  readonly id: string;
  readonly path: string;
  readonly count: number;
}

async function recordMountOf(directory: string, id: string): Promise<void> {
  const readJson = async <T>(file: string): Promise<T> =>
    JSON.parse(await readFile(join(directory, file), 'utf8')) as T;
  const containers = await readJson<readonly { readonly id: string; readonly layer: string }[]>(
    'root/overlay-containers/containers.json',
  );
  const layer = containers.find((one) => one.id === id)?.layer ?? '';
  const records = 'run/overlay-layers/mountpoints.json';
  const path = join(directory, 'root/overlay', layer, 'merged');
  // Another process of Podman unmounts the container after its end, which nothing reports.
  while (existsSync(path)) await delay(50);
  const mounted = await readJson<readonly MountRecord[]>(records);
  await writeFile(
    join(directory, records),
    JSON.stringify([...mounted, { id: layer, path, count: 1 }]),
  );
  // The lock names who has written last, so Podman reads the records again.
  await writeFile(join(directory, 'run/overlay-layers/mountpoints.lock'), randomBytes(64));
}

/**
 * Returns a containers.conf for this machine. As root Podman raises limits, which is forbidden when
 * the machine is itself a container, and crun refuses to run with both versions of cgroups.
 */
function containersConf(): string {
  const files = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  const nofile = files === 'unlimited' ? '1048576' : files;
  return `[containers]
default_ulimits = ["nofile=${nofile}:${nofile}", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "${existsSync(NETAVARK) ? 'netavark' : 'cni'}"
`;
}

/**
 * The tests' registries speak plain HTTP on this machine. Docker takes that for granted for
 * 127.0.0.0/8, and Podman for no address.
 */
const REGISTRIES_CONF = `unqualified-search-registries = ["docker.io"]
[[registry]]
location = "127.0.0.1"
insecure = true
`;

/** Containers of a network find each other by name only with netavark and aardvark-dns. */
const NETAVARK = '/usr/lib/podman/netavark';

function inNetwork({ path }: OwnNetwork, command: readonly string[], env: NodeJS.ProcessEnv): void {
  execFileSync('nsenter', [`--net=${path}`, ...command], { stdio: 'ignore', env });
}

function unmountBelow(directory: string): void {
  const mounted = execFileSync('findmnt', ['--noheadings', '--list', '--output', 'TARGET'], {
    encoding: 'utf8',
  });
  const targets = mounted.split('\n').filter((target) => target.startsWith(`${directory}/`));
  for (const target of targets.reverse()) {
    execFileSync('umount', ['--lazy', target], { stdio: 'ignore' });
  }
}
