import type { BuildContext, ProgramInfo } from '../domain/build/context.ts';
import type { Rescue } from '../domain/build/rescue.ts';
import type { Tenure } from '../domain/build/tenure.ts';
import type { StageName } from '../domain/build/stage.ts';
import type { BuildOutcome } from '../domain/build/outcome.ts';
import type { AuthSource, RegistryAuth } from '../domain/executor/registry-auth.ts';
import type { ContainerSpec, NetworkSpec, VolumeSpec } from '../domain/executor/specs.ts';
import type { VaultRequest } from '../domain/secrets/plan-secrets.ts';
import type { InstallationConfig, RunnerConfig } from '../domain/runner/config.ts';
import type { Digests } from '../domain/runner/digests.ts';
import type { CacheStore } from './ports/cache-store.ts';
import type { CacheUses, CacheVolumeEngine } from './ports/cache-volumes.ts';
import type { Coordinator } from './ports/coordinator.ts';
import type { Archives, FileMember, RunningDigest } from './ports/files.ts';
import type { HostFiles } from './ports/host-files.ts';
import type { ServiceEngine } from './ports/services.ts';

export type * from './ports/coordinator.ts';
export type * from './ports/files.ts';
export type * from './ports/services.ts';

// Types only: what activities need from the world. Adapters implement them, worker.ts hands them in.

/** The config file of this node, as last read with success. */
export interface ConfigSource {
  /** Reads the file anew. Fails with InvalidConfig; the last good one stays in force then. */
  load(): Promise<InstallationConfig>;
  current(): InstallationConfig;
  /** The entry with this key, or undefined when it was removed. */
  runner(key: string): RunnerConfig | undefined;
}

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
    order: { readonly members: AsyncIterable<FileMember>; readonly signal: AbortSignal },
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

/** The node's own records of its builds: a directory each, 0700, the payload encrypted. */
export interface BuildStore {
  /**
   * Writes the record durably (fsync) before it returns: from here on the job is not lost. Assigns
   * the concurrent ids. A record that exists already is returned as it is.
   */
  create(draft: BuildDraft): Promise<BuildContext>;
  read(buildId: string): Promise<BuildContext | undefined>;
  /**
   * The record, after a look at whether it is on the disk still. When somebody has deleted it under the
   * running build, it is written again and says so from then on.
   */
  readFromDisk(buildId: string): Promise<BuildContext | undefined>;
  /** Ids of every build recorded on this node. */
  list(): Promise<readonly string[]>;
  /** Host path of the build's own directory. */
  directory(buildId: string): string;
  /** Adds them to the record, encrypted and durably, before it resolves. */
  keep(buildId: string, additions: BuildAdditions): Promise<void>;
  /** Deletes every file of the build. */
  remove(buildId: string): Promise<void>;
  /** Small facts of a build that must survive a crash, by name: container ids, stage starts. */
  readNote(buildId: string, name: string): Promise<unknown>;
  writeNote(buildId: string, name: string, value: unknown): Promise<void>;
  /** Host path for a file of this name in the build's own directory, which is made when absent. */
  scratchFile(buildId: string, name: string): Promise<string>;
  /** Host path of the file that a service's log is copied into. Made when absent. */
  serviceLogFile(buildId: string, index: number): Promise<string>;
  /** Host paths of the files that one container of the build has mounted. Made when absent. */
  stageFiles(buildId: string, place: 'build' | 'helper'): Promise<StageFiles>;
  /**
   * Replaces the content of the script file in place: its inode is mounted. Empties the state file,
   * unless the stage of this nonce has begun already.
   */
  writeScript(buildId: string, place: 'build' | 'helper', script: ScriptFile): Promise<void>;
  /** Resolves when the stage's wrapper has written its nonce, or when the signal aborts. */
  whenBegun(buildId: string, place: 'build' | 'helper', wait: BeginWait): Promise<void>;
  /** What the stage's wrapper wrote: see `parseStageState`. */
  readState(buildId: string, place: 'build' | 'helper'): Promise<string>;
  /** The last of what the stages in a container have said, of what came after `fromByte`. */
  readOutputEnd(
    buildId: string,
    place: 'build' | 'helper',
    fromByte: number,
  ): Promise<{ readonly text: string; readonly endByte: number }>;
}

/** What a record gets while its build runs. */
export type BuildAdditions = Pick<BuildContext, 'secretVariables' | 'exports'>;

export type BuildDraft = Omit<BuildContext, 'concurrentId' | 'concurrentProjectId'>;

export interface ScriptFile {
  readonly text: string;
  /** That of its wrapper. */
  readonly nonce: string;
}

export interface BeginWait {
  readonly nonce: string;
  readonly signal: AbortSignal;
}

export interface StageFiles {
  readonly script: string;
  readonly output: string;
  readonly state: string;
}

/** The trace of each build on this node's disk. */
export interface TraceSpool {
  /** The one writer of this build in this process, opened anew after a crash. */
  open(context: BuildContext): Promise<TraceWriter>;
  close(buildId: string): Promise<void>;
}

/** See adapters/trace-spool.ts for how it stays exact over crashes. */
export interface TraceWriter {
  /**
   * Writes a line of the runner's own, once for each key over all attempts and crashes. It survives
   * the process when this resolves, and the machine with the next checkpoint.
   */
  appendOnce(key: string, text: string): Promise<void>;
  /**
   * Takes over what a container writes into `path`, until `signal` aborts; then takes the rest. Of a
   * source `service/…` whole lines only.
   */
  followFile(source: string, path: string, signal: AbortSignal): Promise<void>;
  /** Frees the disk of a followed file, whose owner has ended: no more of it is taken over. */
  abandonFile(source: string, path: string): Promise<void>;
  /** Whether all further output is beyond the job's limit. */
  readonly isOverLimit: boolean;
  /** Bytes that are not in a file, such as an entrypoint's words. Once for each key. */
  appendBytesOnce(key: string, stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void>;
  /** Lets go of what masking holds back: the stage's streams are at their end. */
  endStreams(): Promise<void>;
  /** Masks these too, in all that is written from now on. */
  hide(phrases: readonly string[]): Promise<void>;
  /**
   * Makes everything written so far durable and sendable. Costly: for what is followed by a note that
   * says that it was done.
   */
  checkpoint(): Promise<void>;
  /** Bytes below the last checkpoint, at most `maxBytes`. */
  read(startByte: number, maxBytes: number): Promise<Uint8Array>;
  readonly sendableBytes: number;
  /** crc32 and length of what is sendable. */
  checksum(): { readonly checksum: string; readonly byteSize: number };
  ackedBytes: number;
  /** Resolves when bytes were appended after this call, or when the signal aborts. */
  whenAppended(signal: AbortSignal): Promise<void>;
}

/** Where the secrets of jobs are. */
export interface SecretStore {
  /**
   * One secret; undefined when there is none at this place. Fails with RunnerConfiguration (refused,
   * or asked for in a way that makes no sense), ExternalDependency (the store fails) or RunnerSystem
   * (it does not answer), after some tries.
   */
  readSecret(request: VaultRequest, signal: AbortSignal): Promise<string | undefined>;
}

/** Permits to ask for and run builds: `concurrent` − builds alive − requests in flight. */
export interface NodeCapacity {
  /** Waits until this node could run one more build, and holds its place. Rejects when aborted. */
  acquire(signal: AbortSignal): Promise<CapacityPermit>;
  /** A build has ended: its place is free. */
  free(buildId: string): void;
}

export interface CapacityPermit {
  /**
   * Others may have the place while GitLab's answer is waited for. A build that comes of it all the
   * same has one, be it one more than there are.
   */
  lend(): void;
  /** The place stays taken, by this build, until `free`. */
  keepFor(buildId: string): void;
  /** Gives the place back. Idempotent, and nothing after `keepFor`. */
  release(): void;
}

/** Builds' contexts in a form that only the nodes of this fleet can read. */
export interface SealedJobs {
  /** undefined when not even the least of it can be carried. */
  seal(context: BuildContext): Omit<Rescue, 'waitMs'> | undefined;
  /** Fails when it was not sealed by a node that has our key. */
  open(sealedJob: string): BuildContext;
}

/** Which node has a build now, as its workflow says. */
export interface Tenures {
  /** Throws TransientError when Temporal does not answer within a few seconds. */
  confirm(context: BuildContext): Promise<Tenure>;
}

/** What keeps the builds' workflows. */
export interface Ledger {
  /** Whether a build can be begun now: a job that is taken while it cannot would only wait here. */
  isThere(): Promise<boolean>;
}

export interface Clock {
  /** What the calendar says. People and time servers set it, also by an hour: never measure by it. */
  nowMs(): number;
  /** For measuring. Only grows, also from one process to the next; begins anew with the machine. */
  monotonicMs(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Randomness {
  hex(bytes: number): string;
}

/** Programs of this node that keep credentials of registries. What fails says so without secrets. */
export interface CredentialPrograms {
  /** Servers that a program has credentials for. */
  list(helper: string): Promise<readonly string[]>;
  /** undefined when it has none for the server. */
  get(helper: string, server: string): Promise<RegistryAuth | undefined>;
}

/** Structured log of the program: a constant message and fields. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}
export type LogFields = Readonly<Record<string, unknown>>;

export interface Ports {
  readonly config: ConfigSource;
  readonly coordinator: (runner: RunnerConfig) => Coordinator;
  readonly engine: (runner: RunnerConfig) => ContainerEngine;
  readonly builds: BuildStore;
  readonly archives: Archives;
  readonly hostFiles: HostFiles;
  /** undefined when the entry names no store for caches. */
  readonly cacheStore: (runner: RunnerConfig) => CacheStore | undefined;
  readonly cacheUses: CacheUses;
  readonly capacity: NodeCapacity;
  readonly traces: TraceSpool;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly log: Log;
  readonly program: ProgramInfo;
  readonly systemId: string;
  readonly nodeQueue: string;
  readonly sealedJobs: SealedJobs;
  readonly tenures: Tenures;
  readonly ledger: Ledger;
  /** See {@link Rescue.waitMs}. */
  readonly nodeWaitMs: number;
  readonly digests: Digests;
  /** Begins one for each content. */
  readonly runningSha256: () => RunningDigest;
  /** Registry credentials of the user whom this program runs as. Never fails: see its `problem`. */
  readonly registryAuthFile: () => Promise<AuthSource>;
  readonly credentialPrograms: CredentialPrograms;
}

export type { BuildOutcome, StageName };
