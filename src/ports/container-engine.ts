import type { RegistryAuth } from '../domain/executor/registry-auth.ts';
import type { ContainerSpec, NetworkSpec, VolumeSpec } from '../domain/executor/specs.ts';
import type { CacheVolumeEngine } from './cache-volumes.ts';
import type { FileMember } from './files.ts';
import type { ServiceEngine } from './services.ts';

/** Docker. Every call has a time limit; faults of the daemon are thrown as TransientError. */
export interface ContainerEngine extends ServiceEngine, CacheVolumeEngine {
  info(): Promise<EngineInfo>;
  /** undefined when the image is not on this engine. */
  inspectImage(reference: string): Promise<ImageInfo | undefined>;
  /**
   * Pulls an image. Fails with RunnerConfiguration (not found, denied), ExternalDependency
   * (registry or network does not answer) or ImagePull (anything else). One pull at a time for one
   * reference, however many builds wait for it.
   */
  pullImage(reference: string, options: PullOptions): Promise<ImageInfo>;
  createNetwork(spec: NetworkSpec): Promise<void>;
  removeNetwork(name: string): Promise<void>;
  /** Creates the volume unless one of this name exists. */
  ensureVolume(spec: VolumeSpec): Promise<void>;
  removeVolume(name: string): Promise<void>;
  /** Creates the container unless one of this name exists; returns its id. Never starts it. */
  createContainer(spec: ContainerSpec): Promise<string>;
  startContainer(idOrName: string): Promise<void>;
  /**
   * Hands a container that opens its stdin what it is to read there at its next start, and its end.
   * Resolves when the engine has it, whatever becomes of this process: it need not run yet.
   */
  fillStdin(idOrName: string, content: Uint8Array): Promise<void>;
  /** undefined when there is no such container. */
  inspectContainer(idOrName: string): Promise<ContainerStatus | undefined>;
  /** Resolves when the container does not run any more. Survives a restart of the daemon. */
  waitForExit(idOrName: string, signal: AbortSignal): Promise<ContainerStatus>;
  /**
   * SIGTERM to every process but PID 1 (`graceful`), then stop (`plain`: at once); then kill. Returns
   * when it is dead.
   */
  stopContainer(idOrName: string, how: 'graceful' | 'plain' | 'kill'): Promise<void>;
  /** Unpacks entries below `path` of a container, running or not. Parents must be entries too. */
  putArchive(idOrName: string, path: string, entries: readonly ArchiveEntry[]): Promise<void>;
  /**
   * All at `path` of a container, running or not, links not followed, as members relative to the
   * path's parent: `path` itself comes first. undefined when there is nothing. Devices, sockets and
   * pipes are left out. Leaving the loop early ends the stream.
   */
  readFiles(
    idOrName: string,
    path: string,
    signal: AbortSignal,
  ): Promise<AsyncIterable<FileMember> | undefined>;
  /**
   * Where the link at `path` of a container leads to, by an absolute path with no link in it; '' when
   * it leads in a circle, and undefined when there is no link at `path`.
   */
  linkTarget(idOrName: string, path: string): Promise<string | undefined>;
  /** Whether there is anything at `path` of a container, running or not, links followed. */
  pathExists(idOrName: string, path: string): Promise<boolean>;
  /** Writes members below the directory `path` of a container, running or not; it must exist. */
  writeFiles(
    idOrName: string,
    path: string,
    options: { readonly members: AsyncIterable<FileMember>; readonly signal: AbortSignal },
  ): Promise<void>;
  /**
   * The first `maxBytes` of what the container wrote to its own stdout and stderr, over all its
   * starts; with Docker's time before each line when wanted.
   */
  readLogs(
    idOrName: string,
    options: { readonly maxBytes: number; readonly timestamps?: boolean },
  ): Promise<readonly { readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }[]>;
  /** Removes it by force, unless told otherwise with its anonymous volumes; an absent one is fine. */
  removeContainer(idOrName: string, options?: { readonly keepsVolumes: boolean }): Promise<void>;
  /** Builds of this installation of which there is anything: containers, volumes or networks. */
  listBuildIds(): Promise<readonly string[]>;
  /** Everything with all of these labels. */
  listByLabels(labels: Readonly<Record<string, string>>): Promise<{
    readonly containers: readonly string[];
    readonly volumes: readonly string[];
    readonly networks: readonly string[];
  }>;
}

export interface EngineInfo {
  readonly serverVersion: string;
  readonly apiVersion: string;
  readonly osType: string;
  /** As `docker info` spells it: `x86_64`, `aarch64`. */
  readonly architecture: string;
  readonly name: string;
}

export interface ImageInfo {
  readonly id: string;
  /** `name@sha256:…` when the image came from a registry. */
  readonly repoDigests: readonly string[];
  readonly user: string;
  /** Empty when the image has none. */
  readonly entrypoint: readonly string[];
  readonly exposedPorts: readonly number[];
}

export interface PullOptions {
  readonly platform?: string;
  readonly auth?: RegistryAuth;
  readonly signal?: AbortSignal;
}

export interface ContainerStatus {
  readonly id: string;
  readonly state: 'created' | 'running' | 'exited' | 'dead' | 'paused' | 'restarting' | 'removing';
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** As Docker writes it; `0001-01-01T00:00:00Z` when never started. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** Docker's own words for a failed start. */
  readonly error: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Made with an entrypoint, which gets the stage's script on its stdin too. */
  readonly opensStdin: boolean;
}

export interface ArchiveEntry {
  readonly path: string;
  readonly type: 'file' | 'directory';
  readonly mode: number;
  readonly content?: Uint8Array;
}
