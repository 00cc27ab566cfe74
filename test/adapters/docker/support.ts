import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import Dockerode from 'dockerode';
import type { TestContext } from 'node:test';
import type { ContainerEngine, Log } from '../../../src/ports/index.ts';
import { createContainerEngine, type EngineOptions } from '../../../src/adapters/docker/engine.ts';
import { BUILD_LABEL } from '../../../src/adapters/docker/labels.ts';
import { PLAIN_HOST } from '../../../src/domain/executor/host-settings.ts';
import type { ContainerSpec } from '../../../src/domain/executor/specs.ts';

export const JOB_IMAGE = process.env.TGR_TEST_JOB_IMAGE ?? 'temporal-gitlab-runner/job:local';

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** An engine for the daemon of this machine, with short pauses. */
export function openEngine(options: Partial<EngineOptions> = {}): ContainerEngine {
  return createContainerEngine({
    docker: { host: undefined, tlsCertPath: undefined, tlsVerify: false },
    env: process.env,
    log: silentLog,
    installation: 'engine-test',
    ...options,
  });
}

export function randomName(): string {
  return `tgr-test-${randomBytes(6).toString('hex')}`;
}

/** A spec with only a name, an image and a label. Docker decides everything else. */
export function containerSpec(overrides: Partial<ContainerSpec> = {}): ContainerSpec {
  const name = overrides.name ?? randomName();
  return {
    ...PLAIN_HOST,
    name,
    image: JOB_IMAGE,
    command: ['sh', '-c', 'exit 0'],
    entrypoint: undefined,
    opensStdin: false,
    environment: [],
    labels: { [BUILD_LABEL]: name },
    user: '',
    platform: '',
    binds: [],
    fileMounts: [],
    networkAliases: [],
    useInit: false,
    ...overrides,
  };
}

/** Creates a container that is removed after the test. */
export async function created(
  t: TestContext,
  engine: ContainerEngine,
  overrides: Partial<ContainerSpec> = {},
): Promise<string> {
  const spec = containerSpec(overrides);
  t.after(() => engine.removeContainer(spec.name));
  return engine.createContainer(spec);
}

/** Runs a shell script in its own container. */
export async function runScript(
  t: TestContext,
  engine: ContainerEngine,
  { script, ...overrides }: Partial<ContainerSpec> & { readonly script: string },
): Promise<{ readonly id: string; readonly exitCode: number; readonly output: string }> {
  const id = await created(t, engine, { command: ['sh', '-c', script], ...overrides });
  await engine.startContainer(id);
  const { exitCode } = await engine.waitForExit(id, new AbortController().signal);
  return { id, exitCode, output: await readOutput(engine, id) };
}

/** Creates a container that has run a shell script to its successful end. Returns its id. */
export async function ranToEnd(
  t: TestContext,
  engine: ContainerEngine,
  { script, ...overrides }: Partial<ContainerSpec> & { readonly script: string },
): Promise<string> {
  const run = await runScript(t, engine, { script: `set -e\n${script}`, ...overrides });
  assert.equal(run.exitCode, 0, run.output);
  return run.id;
}

export async function readOutput(engine: ContainerEngine, id: string): Promise<string> {
  const frames = await engine.readLogs(id, { maxBytes: 1_000_000 });
  return Buffer.concat(frames.map(({ bytes }) => bytes)).toString();
}

/** Resolves when the container's output contains the text. Follows the log instead of polling. */
export async function untilOutput(
  engine: ContainerEngine,
  id: string,
  text: string,
): Promise<void> {
  while (!(await readOutput(engine, id)).includes(text)) {
    const status = await engine.inspectContainer(id);
    if (status?.state === 'exited') throw new Error(`container ended without saying "${text}"`);
  }
}

/** Removes an image by every name it has. The engine itself never removes any. */
export async function removeImage(reference: string): Promise<void> {
  const image = new Dockerode().getImage(reference);
  await image.remove({ force: true });
}

/** Returns the names of the volumes that a container has mounted, including anonymous ones. */
export async function mountedVolumes(id: string): Promise<string[]> {
  const { Mounts } = await new Dockerode().getContainer(id).inspect();
  // Docker 29 does not name the volume of a bind without a source.
  return Mounts.flatMap(
    ({ Name, Source }) => Name ?? /\/volumes\/([^/]+)\/_data$/.exec(Source)?.[1] ?? [],
  );
}

export async function volumeNames(): Promise<string[]> {
  const { Volumes } = await new Dockerode().listVolumes();
  return Volumes.map(({ Name }) => Name);
}
