import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ContainerPlace } from '../../../src/domain/executor/environment.ts';
import type { ContainerEngine, ContainerStatus, ImageInfo } from '../../../src/ports/index.ts';
import type { CacheVolumeEngine } from '../../../src/ports/cache-volumes.ts';
import { BUILD_LABEL } from '../../../src/domain/executor/labels.ts';
import { CACHE_VOLUME_LABELS } from '../../../src/domain/executor/volumes.ts';
import { formatMark, type LogRun, type MarkKind } from '../../../src/domain/script/log-marks.ts';
import {
  awaitsScriptAtStart,
  runsStageLoop,
} from '../../../src/domain/executor/waiting-container.ts';
import { stdinLoader } from '../../../src/domain/script/stage-command.ts';
import { tick, until, type FakeContainer, type FakeScript, type World } from './world.ts';

const NEVER = '0001-01-01T00:00:00Z';
const encoder = new TextEncoder();

/** Docker as activities see it. Scripts run whether or not somebody watches them. */
export function createFakeEngine(world: World): ContainerEngine {
  const { docker } = world;
  const find = (idOrName: string): FakeContainer | undefined =>
    [...docker.containers.values()].find(
      ({ spec, status }) => spec.name === idOrName || status.id === idOrName,
    );
  const get = (idOrName: string): FakeContainer => {
    const found = find(idOrName);
    if (found === undefined) throw new Error(`no container ${idOrName}`);
    return found;
  };
  const imageOf = (reference: string): ImageInfo => ({
    ...{ id: `sha256:${reference}`, repoDigests: [], user: '' },
    entrypoint: docker.entrypoint,
  });
  return {
    ...createFakeResources(world),
    info: () => Promise.resolve({ ...ENGINE_INFO }),
    reportPipe: (isShared) => {
      docker.sharedPipes.push(isShared);
    },
    inspectImage: (reference) =>
      Promise.resolve(docker.images.has(reference) ? imageOf(reference) : undefined),
    pullImage: (reference) => {
      docker.pulls.push(reference);
      docker.images.add(reference);
      return Promise.resolve(imageOf(reference));
    },
    createContainer: (spec) => {
      const id = find(spec.name)?.status.id ?? `id-${docker.containers.size + 1}-${spec.name}`;
      if (find(spec.name) === undefined) {
        const { labels, opensStdin } = spec;
        const status = { ...CREATED, id, labels, opensStdin };
        docker.containers.set(id, {
          spec,
          status,
          ...{ starts: 0, runs: 0 },
          log: [],
          archives: [],
          ...OPEN_STDIN,
          reads: [],
        });
      }
      return Promise.resolve(id);
    },
    startContainer: (idOrName) => {
      const container = get(idOrName);
      if (container.status.state !== 'running') start(world, container);
      return Promise.resolve();
    },
    fillStdin: (idOrName, content) => {
      const container = get(idOrName);
      if (!container.isStdinShut) container.stdin += new TextDecoder().decode(content);
      container.isStdinShut = true;
      return Promise.resolve();
    },
    inspectContainer: (idOrName) => Promise.resolve(find(idOrName)?.status),
    waitForExit: async (idOrName, signal) => {
      await until(() => signal.aborted || get(idOrName).status.state !== 'running');
      signal.throwIfAborted();
      return get(idOrName).status;
    },
    stopContainer: (idOrName) => {
      end(get(idOrName), { exitCode: 137 });
      return Promise.resolve();
    },
    putArchive: (idOrName, _path, entries) => {
      get(idOrName).archives.push(...entries.map(({ path }) => path));
      return Promise.resolve();
    },
    pathExists: () => Promise.resolve(true),
    linkTarget: () => Promise.resolve(undefined),
    statPath: () => Promise.resolve(undefined),
    readFiles: () => Promise.resolve(undefined),
    writeFiles: () => Promise.resolve(),
    readLogs: (idOrName) => Promise.resolve(get(idOrName).log.flatMap(bytewise)),
    followLogs: (idOrName, { signal }) => Promise.resolve(follow(get(idOrName), signal)),
    inspectEndpoint: (idOrName) => {
      const isThere = find(idOrName) !== undefined;
      const endpoint = { addresses: ['172.17.0.9'], exposedTcpPorts: [], environment: [] };
      return Promise.resolve(isThere ? endpoint : undefined);
    },
    copyServiceLog: () => Promise.resolve(),
    openTerminal: () => Promise.resolve(undefined),
    removeContainer: (idOrName) => {
      const container = find(idOrName);
      if (container !== undefined) remove(world, container);
      return Promise.resolve();
    },
  };
}

/** Follows the log until the container has ended. */
async function* follow(container: FakeContainer, signal: AbortSignal): AsyncGenerator<LogRun> {
  for (let read = 0; ;) {
    const isLast = container.status.state !== 'running';
    for (; read < container.log.length; read += 1) {
      yield* container.log.slice(read, read + 1).flatMap(bytewise);
    }
    if (isLast) return;
    await tick();
    signal.throwIfAborted();
  }
}

/** Docker may divide a log in any way. */
function bytewise({ stream, text }: FakeContainer['log'][number]): readonly LogRun[] {
  return Array.from(text).map((character) => ({ stream, bytes: encoder.encode(character) }));
}

const ENGINE_INFO = {
  osType: 'linux',
  architecture: 'x86_64',
  name: 'docker',
  sharesPipes: true,
  isPodman: false,
};

const OPEN_STDIN = { stdin: '', isStdinShut: false };

const CREATED: Omit<ContainerStatus, 'id' | 'labels' | 'opensStdin'> = {
  state: 'created',
  exitCode: 0,
  oomKilled: false,
  startedAt: NEVER,
  error: '',
};

/** A pull that ends only when it is given up. Calls `begun` when it has begun. */
export function endlessPull(begun: () => void): ContainerEngine['pullImage'] {
  return async (_reference, { signal }) => {
    begun();
    assert.ok(signal !== undefined);
    signal.throwIfAborted();
    await once(signal, 'abort');
    throw signal.reason;
  };
}

type Resources = Pick<
  ContainerEngine,
  | keyof CacheVolumeEngine
  | 'createNetwork'
  | 'removeNetwork'
  | 'ensureVolume'
  | 'removeVolume'
  | 'listByLabels'
  | 'listBuildIds'
>;

function createFakeResources({ docker }: World): Resources {
  const carrying = (
    all: Iterable<readonly [string, Readonly<Record<string, string>>]>,
    wanted: Readonly<Record<string, string>>,
  ): string[] =>
    [...all]
      .filter(([, labels]) => Object.entries(wanted).every(([key, value]) => labels[key] === value))
      .map(([name]) => name);
  return {
    createNetwork: ({ name, labels }) => {
      docker.networks.set(name, labels);
      return Promise.resolve();
    },
    removeNetwork: (name) => {
      docker.networks.delete(name);
      return Promise.resolve();
    },
    ensureVolume: ({ name, labels }) => {
      if (!docker.volumes.has(name)) docker.volumes.set(name, labels);
      return Promise.resolve();
    },
    removeVolume: (name) => {
      docker.volumes.delete(name);
      return Promise.resolve();
    },
    listCacheVolumes: () =>
      Promise.resolve(
        carrying(docker.volumes, CACHE_VOLUME_LABELS).map((name) => ({ name, isMounted: false })),
      ),
    measureVolumes: () => Promise.resolve(new Map()),
    removeIdleVolume: (name) => Promise.resolve(docker.volumes.delete(name)),
    listBuildIds: () => {
      const labels = [
        ...[...docker.containers.values()].map(({ spec }) => spec.labels),
        ...docker.volumes.values(),
        ...docker.networks.values(),
      ];
      return Promise.resolve([...new Set(labels.flatMap((of) => of[BUILD_LABEL] ?? []))]);
    },
    listByLabels: (labels) => {
      const containers = [...docker.containers].map(([id, { spec }]) => [id, spec.labels] as const);
      return Promise.resolve({
        containers: carrying(containers, labels),
        volumes: carrying(docker.volumes, labels),
        networks: carrying(docker.networks, labels),
      });
    },
  };
}

function start(world: World, container: FakeContainer): void {
  container.starts += 1;
  world.disk.files[placeOf(container)].wake = undefined;
  const startedAt = `2026-11-24T00:00:${container.starts}.${world.started.length}Z`;
  container.status = { ...container.status, state: 'running', startedAt, exitCode: 0 };
  void (runsStageLoop(container.spec) ? runStages(world, container) : runOnce(world, container));
}

/** Runs a script like `buildCommand` or `earlyJobCommand`. */
async function runOnce(world: World, container: FakeContainer): Promise<void> {
  const files = world.disk.files[placeOf(container)];
  const { startedAt } = container.status;
  while (awaitsScriptAtStart(container.spec) && files.nextStage === '') {
    await new Promise<void>((resolve) => {
      files.wake = resolve;
    });
    files.wake = undefined;
  }
  const { state, startedAt: now } = container.status;
  if (state === 'running' && now === startedAt) await runScript(world, container);
}

function placeOf({ spec }: FakeContainer): ContainerPlace {
  return spec.name.endsWith('-build') ? 'build' : 'helper';
}

/** Runs stages like `waitingHelperCommand`. */
async function runStages(world: World, container: FakeContainer): Promise<void> {
  const files = world.disk.files[placeOf(container)];
  const { startedAt } = container.status;
  const isOfThisStart = (): boolean =>
    container.status.state === 'running' && container.status.startedAt === startedAt;
  for (let last = ''; isOfThisStart();) {
    const { nextStage } = files;
    if (nextStage === '' || nextStage === last) {
      await new Promise<void>((resolve) => {
        files.wake = resolve;
      });
      files.wake = undefined;
      continue;
    }
    last = nextStage;
    await runScript(world, container);
    if (isOfThisStart()) files.state += `\nover ${nextStage}\n`;
  }
}

/** Runs a script and ends the container, unless it continues with other stages. */
async function runScript(world: World, container: FakeContainer): Promise<void> {
  const place = placeOf(container);
  const files = world.disk.files[place];
  const nonce = /nonce-\d+/.exec(files.script)?.[0] ?? 'no-nonce';
  container.runs += 1;
  const name = `${place}#${container.runs}`;
  const script = withStdin(container, world.scripts[name] ?? {});
  world.started.push(name);
  // As in Docker, one log covers all starts of a container.
  const say = (stream: LogRun['stream'], text: string): void => {
    container.log.push({ stream, text });
  };
  const mark = (kind: MarkKind): void => {
    if (!files.script.includes(formatMark(nonce, 'begins'))) return;
    for (const stream of ['stdout', 'stderr'] as const) {
      say(stream, `${formatMark(nonce, kind)}\n`);
    }
  };
  if (script.entrypoint !== undefined) say('stdout', `${script.entrypoint} before\n`);
  if (script.warning !== undefined) say('stderr', `${script.warning}\n`);
  await tick();
  if (script.isSkipped !== true) {
    files.state = nonce;
    mark('begins');
    files.output += `${name} begins\n`;
  }
  await tick();
  await until(() => script.isEndless !== true || container.status.state !== 'running');
  if (container.status.state !== 'running') return;
  const exitCode = script.exitCode ?? 0;
  if (script.dies === undefined && script.isSkipped !== true) {
    if (script.says !== undefined) files.output += `${script.says}\n`;
    if (script.saysAsFirst !== undefined) say('stdout', script.saysAsFirst);
    files.output += `${name} ends\n`;
    files.state = `${nonce} ${exitCode}${script.copier === undefined ? '' : ` ${script.copier}`}`;
    if (exitCode === 0) mark('ends');
  }
  if (script.entrypoint !== undefined) say('stdout', `${script.entrypoint} after`);
  const hasEnded = script.status !== undefined || script.dies !== undefined || exitCode !== 0;
  if (runsStageLoop(container.spec) && !hasEnded) return;
  const { startedAt } = container.status;
  const isOfThisStart = (): boolean =>
    container.status.state === 'running' && container.status.startedAt === startedAt;
  await until(() => script.lingers !== true || !isOfThisStart());
  if (isOfThisStart()) end(container, { exitCode, ...script.status, ...script.dies });
}

/** The script together with the container's stdin, which may differ at the next start. */
function withStdin(container: FakeContainer, script: FakeScript): FakeScript {
  const isSkipped = script.dropsCommand === true && container.stdin !== stdinLoader();
  container.reads.push(container.stdin);
  Object.assign(container, OPEN_STDIN);
  return isSkipped ? { isSkipped, exitCode: 0 } : script;
}

/** Removes a container, as another program may do. */
export function remove({ docker }: World, container: FakeContainer): void {
  end(container, { exitCode: 137 });
  docker.containers.delete(container.status.id);
}

function end(container: FakeContainer, how: Partial<ContainerStatus>): void {
  container.status = { ...container.status, state: 'exited', ...how };
}
