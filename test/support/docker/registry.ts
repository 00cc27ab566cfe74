import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import Docker from 'dockerode';

/**
 * A real registry with its own store. Docker uses plain HTTP, because the registry is on this
 * machine.
 */
export interface Registry {
  /** The host in references: `127.0.0.1:port`. */
  readonly host: string;
  readonly isPrivate: boolean;
  /** Pushes an image of this machine with a repository and a tag. Returns the whole reference. */
  push(image: string, repository: string): Promise<string>;
  /**
   * Makes the registry unreachable, as in an outage. `start` starts it again at the same address.
   */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Ends the registry and removes its images from this machine. */
  close(): Promise<void>;
}

/** The login of a private registry. */
export const LOGIN = { username: 'robot', password: 's3cret' } as const;

/** The hash of the password above. It is written here, because no tool of the tests makes one. */
const HTPASSWD = 'robot:$2b$05$.Gw4GaGvIa0EoQ.ElTOQIuZlT05ruCuCCUsZ52ZW1FkIhm4hJ4rpS\n';

/** Returns the path of the registry's program, which the test's set-up or this machine provides. */
export function registryProgram(): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return [
    process.env['TGR_TEST_REGISTRY'] ?? '',
    ...directories.map((directory) => join(directory, 'docker-registry')),
    join(cache, 'temporal-gitlab-runner/docker-registry/usr/bin/docker-registry'),
  ].find((path) => path !== '' && existsSync(path));
}

/** Starts a registry. A private one requires `LOGIN`. */
export async function openRegistry({ isPrivate = false } = {}): Promise<Registry> {
  const program = registryProgram();
  if (program === undefined) throw new Error('no docker-registry: see scripts/lib/registry.mjs');
  const directory = await mkdtemp(join(tmpdir(), 'tgr-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(directory, 'config.yml');
  await writeFile(join(directory, 'htpasswd'), HTPASSWD);
  await writeFile(config, formatConfig({ host, directory, isPrivate }));
  const docker = new Docker();
  const pushed: string[] = [];
  let end = await run(program, config, host);
  return {
    host,
    isPrivate,
    push: async (image, repository) => {
      const reference = `${host}/${repository}`;
      const [repo = '', tag = 'latest'] = splitTag(reference);
      await docker.getImage(image).tag({ repo, tag });
      pushed.push(reference);
      const authconfig = { ...LOGIN, serveraddress: host };
      const progress = await docker.getImage(reference).push({ authconfig });
      await whenDone(docker, progress);
      await docker.getImage(reference).remove();
      return reference;
    },
    stop: () => end(),
    start: async () => {
      end = await run(program, config, host);
    },
    close: async () => {
      await end();
      // Docker and Podman drop digests with the last tag of their repository. Podman takes a digest
      // that is no name any more for the whole image, and removes it with its other names.
      await removeNames(docker, host, ({ RepoTags }) => RepoTags);
      await removeNames(docker, host, ({ RepoDigests }) => RepoDigests);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Removes the names of images that begin with a registry's host. */
async function removeNames(
  docker: Docker,
  host: string,
  namesOf: (image: Docker.ImageInfo) => readonly string[] | null | undefined,
): Promise<void> {
  const images = await docker.listImages();
  const names = images.flatMap((image) => namesOf(image) ?? []);
  for (const name of names.filter((each) => each.startsWith(`${host}/`))) {
    await docker
      .getImage(name)
      .remove()
      .catch(() => undefined);
  }
}

interface Settings {
  readonly host: string;
  readonly directory: string;
  readonly isPrivate: boolean;
}

function formatConfig({ host, directory, isPrivate }: Settings): string {
  const lines = [
    'version: 0.1',
    'log: { level: info }',
    `storage: { filesystem: { rootdirectory: ${JSON.stringify(join(directory, 'store'))} } }`,
    `http: { addr: ${JSON.stringify(host)} }`,
  ];
  const auth = `auth: { htpasswd: { realm: test, path: ${JSON.stringify(join(directory, 'htpasswd'))} } }`;
  return [...lines, ...(isPrivate ? [auth] : [])].join('\n');
}

/** Starts the program. Resolves when it listens, with a function that ends it. */
async function run(program: string, config: string, host: string): Promise<() => Promise<void>> {
  const child = spawn(program, ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(`listening on ${host}`)) resolve();
    });
    child.once('error', reject);
    child.once('close', () => reject(new Error(`docker-registry has ended: ${said}`)));
  });
  return async () => {
    child.kill('SIGKILL');
    await closed;
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function splitTag(reference: string): readonly string[] {
  const colon = reference.lastIndexOf(':');
  return colon > reference.lastIndexOf('/')
    ? [reference.slice(0, colon), reference.slice(colon + 1)]
    : [reference];
}

function whenDone(docker: Docker, progress: NodeJS.ReadableStream): Promise<void> {
  const { modem } = docker as unknown as { readonly modem: ProgressFollower };
  return new Promise((resolve, reject) => {
    modem.followProgress(progress, (error) => (error === null ? resolve() : reject(error)));
  });
}

interface ProgressFollower {
  followProgress(stream: NodeJS.ReadableStream, done: (error: Error | null) => void): void;
}
