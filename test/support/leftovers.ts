import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describeProcess } from '../../src/adapters/state/process-identity.ts';
import { dockerAt } from './docker/docker-at.ts';

// This module finds and removes what an installation leaves in Docker and on the disk. The tokens
// of its runners distinguish an installation from others, so each installation has its own tokens.

export interface Place {
  readonly stateDir: string;
  readonly tokens: readonly string[];
  /** The default is the usual daemon. */
  readonly dockerHost?: string | undefined;
}

const RUNNER_LABEL = 'com.gitlab.gitlab-runner.runner.id';
const BUILD_LABEL = 'temporal-gitlab-runner.build';

/**
 * Finds containers, volumes, networks and records of builds. Caches are not counted, because they
 * are meant to stay.
 */
export async function findLeftovers(place: Place): Promise<readonly string[]> {
  const { containers, volumes, networks } = await listOf(place, BUILD_LABEL);
  const builds = await buildsOf(place.stateDir).catch(() => []);
  return [
    ...containers.map(({ Names }) => `container ${Names.join()}`),
    ...volumes.map(({ Name }) => `volume ${Name}`),
    ...networks.map(({ Name }) => `network ${Name}`),
    ...builds.map((build) => `record ${build}`),
  ];
}

/**
 * Waits until nothing is left. The wait is needed, because GitLab has the result before the
 * containers are removed.
 */
export async function whenNothingLeft(place: Place, timeoutMs: number): Promise<void> {
  const endMs = Date.now() + timeoutMs;
  for (;;) {
    const left = await findLeftovers(place);
    if (left.length === 0) return;
    if (Date.now() > endMs) throw new Error(`left behind: ${left.join(', ')}`);
    await delay(100);
  }
}

/** Waits until the node has nothing more of a job, and the job's slot is free. */
export async function whenForgotten(
  { stateDir }: Pick<Place, 'stateDir'>,
  jobId: number,
): Promise<void> {
  const endMs = Date.now() + 30_000;
  for (;;) {
    const builds = await buildsOf(stateDir);
    if (!builds.some((name) => name.includes(`_${jobId}-`))) return;
    if (Date.now() > endMs) throw new Error(`job ${jobId} still has a record on the node`);
    await delay(100);
  }
}

/** Returns the directories of the builds that a node has. Its stock of pipes is none. */
export async function buildsOf(stateDir: string): Promise<readonly string[]> {
  const names = await readdir(join(stateDir, 'builds'));
  return names.filter((name) => !name.startsWith('.'));
}

/**
 * Removes everything by force, including caches. The process of the installation must have ended.
 */
export async function removeFromDocker(place: Omit<Place, 'stateDir'>): Promise<void> {
  const docker = dockerAt(place.dockerHost);
  const { containers, volumes, networks } = await listOf(place, RUNNER_LABEL);
  for (const { Id } of containers) await docker.getContainer(Id).remove({ force: true, v: true });
  for (const { Name } of volumes) await docker.getVolume(Name).remove({ force: true });
  for (const { Id } of networks) await docker.getNetwork(Id).remove();
}

/**
 * Ends an embedded Temporal that has survived `kill -9` of its runner. It survives for the runner's
 * next process.
 */
export async function endOrphanedTemporal(stateDir: string): Promise<void> {
  const text = await readFile(join(stateDir, 'temporal', 'server.json'), 'utf8').catch(() => '');
  if (text === '') return;
  const { pid, identity } = JSON.parse(text) as { readonly pid: number; readonly identity: string };
  if ((await describeProcess(pid)) === identity) process.kill(pid, 'SIGKILL');
}

async function listOf({ tokens, dockerHost }: Omit<Place, 'stateDir'>, label: string) {
  const docker = dockerAt(dockerHost);
  const filters = { label: [label] };
  const ids = new Set(tokens.map(shortToken));
  const isOurs = ({ Labels }: Labeled): boolean => ids.has(Labels?.[RUNNER_LABEL] ?? '');
  const containers = await docker.listContainers({ all: true, filters });
  const { Volumes } = await docker.listVolumes({ filters: JSON.stringify(filters) });
  const networks = await docker.listNetworks({ filters });
  // The daemon answers null when there are no volumes.
  const volumes = (Volumes as typeof Volumes | null) ?? [];
  return {
    containers: containers.filter(isOurs),
    volumes: volumes.filter(isOurs),
    networks: networks.filter(isOurs),
  };
}

interface Labeled {
  readonly Labels?: Readonly<Record<string, string>> | undefined;
}

function shortToken(token: string): string {
  return token.replace(/^glrt-/, '').slice(0, 9);
}
