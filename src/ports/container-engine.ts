import type { ImagePlatform } from '../domain/executor/image-platform.ts';
import type { RegistryAuth } from '../domain/executor/registry-auth.ts';
import type { ContainerSpec, NetworkSpec, VolumeSpec } from '../domain/executor/specs.ts';
import type { LogRun } from '../domain/script/log-marks.ts';
import type { CacheVolumeEngine } from './cache-volumes.ts';
import type { FileMember, HardLink } from './files.ts';
import type { ServiceEngine } from './services.ts';
import type { TerminalEngine } from './terminals.ts';

/** Docker. Every call has a time limit. Faults of the daemon are thrown as TransientError. */
export interface ContainerEngine extends ServiceEngine, CacheVolumeEngine, TerminalEngine {
  info(): Promise<EngineInfo>;
  /**
   * Records whether a container shares a named pipe of this node, which means that it has noticed
   * what was written there. After two containers in a row that have not, `sharesPipes` is false
   * until the engine may have been restarted.
   */
  reportPipe(isShared: boolean): void;
  /** Returns undefined when the image is not on this engine. */
  inspectImage(reference: string): Promise<ImageInfo | undefined>;
  /**
   * Pulls an image. Throws RunnerConfiguration (not found, denied), ExternalDependency (registry or
   * network does not answer) or ImagePull (anything else). Concurrent pulls of one reference share
   * one request.
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
   * Writes the stdin of a container's next start, including its end. Resolves when the engine has
   * it, which survives this process. The container need not run yet.
   */
  fillStdin(idOrName: string, content: Uint8Array): Promise<void>;
  /** Returns undefined when there is no such container. */
  inspectContainer(idOrName: string): Promise<ContainerStatus | undefined>;
  /** Resolves when the container no longer runs. Survives a restart of the daemon. */
  waitForExit(idOrName: string, signal: AbortSignal): Promise<ContainerStatus>;
  /**
   * `graceful`: SIGTERM to every process but PID 1, then stop, then kill. `plain`: stop, then kill.
   * Returns when the container is dead.
   */
  stopContainer(idOrName: string, how: 'graceful' | 'plain' | 'kill'): Promise<void>;
  /**
   * Unpacks entries below `path` of a container, whether it runs or not. Missing parents must be
   * entries too.
   */
  putArchive(idOrName: string, path: string, entries: readonly ArchiveEntry[]): Promise<void>;
  /**
   * Reads everything at `path` of a container, whether it runs or not, without following links. The
   * members are relative to the path's parent, and `path` itself comes first. Returns undefined
   * when there is nothing. Devices, sockets and pipes are left out. Leaving the loop early ends the
   * stream.
   */
  readFiles(
    idOrName: string,
    path: string,
    options: ReadOptions,
  ): Promise<AsyncIterable<FileMember> | undefined>;
  /**
   * Returns the target of the link at `path` of a container, as an absolute path without links.
   * Returns an empty text for a circle of links, and undefined when there is no link at `path`.
   */
  linkTarget(idOrName: string, path: string): Promise<string | undefined>;
  /**
   * Describes a regular file or a directory without reading it, which takes a tenth of the time.
   * Returns undefined for anything else, for an absent path, and when the engine's answer is not
   * reliable. Only {@link readFiles} then knows.
   */
  statPath(idOrName: string, path: string): Promise<PathStat | undefined>;
  /** Whether `path` exists in a container. The container need not run. Follows links. */
  pathExists(idOrName: string, path: string): Promise<boolean>;
  /**
   * Writes members below the existing directory `path` of a container, whether it runs or not. A
   * file that has a member's name is removed first, so a reader who has opened it keeps its old
   * content.
   */
  writeFiles(
    idOrName: string,
    path: string,
    options: {
      readonly members: AsyncIterable<FileMember | HardLink>;
      readonly signal: AbortSignal;
    },
  ): Promise<void>;
  /**
   * Reads the first `maxBytes` of a container's own stdout and stderr over all its starts,
   * optionally with Docker's time before each line.
   */
  readLogs(
    idOrName: string,
    options: { readonly maxBytes: number; readonly timestamps?: boolean },
  ): Promise<readonly LogRun[]>;
  /**
   * Reads the same as `readLogs`, and then everything that is added until the container ends or
   * `maxBytes` are read. Throws when the signal aborts or the engine goes away. Leaving the loop
   * early ends the request.
   */
  followLogs(
    idOrName: string,
    options: { readonly maxBytes: number; readonly signal: AbortSignal },
  ): Promise<AsyncIterable<LogRun>>;
  /**
   * Removes the container by force, with its anonymous volumes unless `keepsVolumes` is set. An
   * absent container is no error.
   */
  removeContainer(idOrName: string, options?: { readonly keepsVolumes: boolean }): Promise<void>;
  /** Lists the builds of this installation that have containers, volumes or networks. */
  listBuildIds(): Promise<readonly string[]>;
  /** Lists all objects that have all of these labels. */
  listByLabels(labels: Readonly<Record<string, string>>): Promise<{
    readonly containers: readonly string[];
    readonly volumes: readonly string[];
    readonly networks: readonly string[];
  }>;
}

/** How files of a container are read. */
export interface ReadOptions {
  readonly signal: AbortSignal;
  /**
   * Whether a further name of a hard-linked file is wanted, by the path of the member. Called once
   * for each such name, before its content is read anew. By default all of them are wanted.
   */
  readonly wantsLink?: (path: string) => boolean;
}

/** What an engine tells about a path. */
export interface PathStat {
  readonly kind: 'file' | 'directory';
  /** Permissions, without the file's type. */
  readonly mode: number;
  readonly sizeBytes: number;
  /** Whole seconds, like the times of members. */
  readonly modifiedMs: number;
}

/** Facts about the engine. */
export interface EngineInfo {
  readonly osType: string;
  /** As `docker info` spells it: `x86_64`, `aarch64`. */
  readonly architecture: string;
  readonly name: string;
  /**
   * True: containers of its default runtime share the named pipes of this node. False for a runtime
   * whose containers have their own kernel.
   */
  readonly sharesPipes: boolean;
  /**
   * True: the engine is Podman. Podman mounts a container's volumes only while the container runs,
   * and often answers differently from Docker about a container that runs or has just ended.
   */
  readonly isPodman: boolean;
}

/** An image on the engine. */
export interface ImageInfo {
  readonly id: string;
  /** `name@sha256:…` when the image came from a registry. */
  readonly repoDigests: readonly string[];
  readonly user: string;
  /** Empty when the image has no entrypoint. */
  readonly entrypoint: readonly string[];
  /** undefined: the engine does not say. */
  readonly platform?: ImagePlatform;
}

/** Platform and credentials of a pull. Credentials are secret. */
export interface PullOptions {
  readonly platform?: string;
  readonly auth?: RegistryAuth;
  readonly signal?: AbortSignal;
}

/** The state of a container. */
export interface ContainerStatus {
  readonly id: string;
  readonly state: 'created' | 'running' | 'exited' | 'dead' | 'paused' | 'restarting' | 'removing';
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** The time as Docker writes it; `0001-01-01T00:00:00Z` when the container was never started. */
  readonly startedAt: string;
  /** Docker's own message about a failed start. */
  readonly error: string;
  readonly labels: Readonly<Record<string, string>>;
  /**
   * True: the container was made with an entrypoint, which also gets the stage's script on its
   * stdin.
   */
  readonly opensStdin: boolean;
}

/** A file or directory to put into a container. */
export interface ArchiveEntry {
  readonly path: string;
  readonly type: 'file' | 'directory';
  readonly mode: number;
  readonly content?: Uint8Array;
}
