import { FailureType, FinalError } from '../../domain/failure.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import type { StagePlace } from '../../domain/context/stage.ts';
import type { JobVariable } from '../../domain/job/payload.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { Ports, TraceWriter } from '../../ports/index.ts';
import { openLease, type LeaseState } from './lease-state.ts';
import { openWaits, type Waits } from './waits.ts';

/** Name of the work that creates containers: see {@link LiveBuild.joined}. */
export const MAKING = 'making';

/** A build as this process holds it. All of it can be restored from the node's record. */
export interface LiveBuild {
  /** The current context: {@link keepSecrets} and {@link keepExports} add to it. */
  readonly context: BuildContext;
  readonly trace: TraceWriter;
  /**
   * Aborts when the trace has its last line: the uploader then ends, and `reportResult` sends the
   * rest.
   */
  readonly finished: AbortController;
  /** Aborts when the environment is no longer wanted, because a pull may take long. */
  readonly preparation: AbortController;
  /** Aborts when GitLab has accepted the job in this process: only then it takes its trace. */
  readonly acknowledged: AbortController;
  /** Aborts when the node's record of the build is deleted. */
  readonly released: AbortController;
  readonly lease: LeaseState;
  /** Aborts when the node's files of the build are found to be lost: see {@link noticeLoss}. */
  readonly filesLost: AbortController;
  /** The trace base as far as this process knows it: see trace-base.ts. */
  base: TraceBase | undefined;
  /** The stage that runs in this process, if one does. */
  stage: RunningStage | undefined;
  /**
   * Which part of the build's log could not be stored, and where; undefined while the disk has
   * room.
   */
  diskFault: string | undefined;
  /**
   * Logs of services that are copied to the trace; undefined while this process has not checked.
   */
  serviceLogs: ServiceLogs | undefined;
  /** What it waits for, for people who look. */
  readonly waits: Waits;
  /** When this resolves, they are masked in the trace, visible to every stage and durable. */
  keepSecrets(secretVariables: readonly JobVariable[]): Promise<void>;
  /** When this resolves, they are durable and visible to every stage after the scripts. */
  keepExports(exports: readonly string[]): Promise<void>;
  /**
   * Checks whether somebody deleted the node's files of the build. Returns why the build then
   * cannot continue, also when they were deleted earlier: nobody knows how much of it had begun.
   */
  noticeLoss(): Promise<string | undefined>;
  /** Serialises calls to the coordinator, because patches must follow each other. */
  exclusively<T>(send: () => Promise<T>): Promise<T>;
  /**
   * Joins a call of the same name that is already running. Temporal repeats an activity whose
   * heartbeats were lost while the first call still runs in this process; both then wait for the
   * same work. So the work must not depend on the cancellation of the call that began it.
   */
  joined<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Resolves when no call of this name is running, however it ended. */
  settled(name: string): Promise<void>;
}

/** Where the trace of an adopted build begins in GitLab's trace: after the lost node's part. */
export interface TraceBase {
  readonly atByte: number;
  /** Length of the first patch, by which our bytes are distinguished from the other node's. */
  readonly lengthBytes: number;
  /** True: GitLab has accepted the first patch, so a patch of the other node no longer fits. */
  readonly isTaken: boolean;
}

export interface RunningStage {
  readonly key: string;
  readonly place: StagePlace;
  /** Why it was told to stop; undefined while it was not. */
  stopReason: string | undefined;
  /** Aborts when it is told to stop, for work in this process and not in a container. */
  readonly stopping: AbortController;
}

export interface ServiceLogs {
  /** Returns when everything that the services have printed so far is in the trace. */
  stop(): Promise<void>;
}

export interface LiveBuilds {
  /** Throws when this node has no record of the build. */
  open(buildId: string): Promise<LiveBuild>;
  /** undefined when this node has no record, because the build was released already. */
  find(buildId: string): Promise<LiveBuild | undefined>;
  /** undefined unless this process has opened it: nothing is read. */
  known(buildId: string): LiveBuild | undefined;
  close(buildId: string): Promise<void>;
  /** Those of which this process has learned that another node has them. */
  listLost(): Promise<readonly string[]>;
}

type LivePorts = Pick<Ports, 'builds' | 'traces' | 'workflows' | 'clock'>;

export function createLiveBuilds(ports: LivePorts): LiveBuilds {
  const { builds, traces } = ports;
  const live = new Map<string, Promise<LiveBuild | undefined>>();
  const loaded = new Map<string, LiveBuild>();

  const load = async (buildId: string): Promise<LiveBuild | undefined> => {
    const context = await builds.readFromDisk(buildId);
    return context && createLiveBuild(context, await traces.open(context), ports);
  };
  const find = async (buildId: string): Promise<LiveBuild | undefined> => {
    const known = await live.get(buildId);
    if (known === undefined) return findOnDisk(buildId);
    await known.noticeLoss();
    return known;
  };
  const findOnDisk = (buildId: string): Promise<LiveBuild | undefined> => {
    const known = live.get(buildId);
    if (known !== undefined) return known;
    const loading = load(buildId);
    live.set(buildId, loading);
    const forget = (): void => {
      if (live.get(buildId) === loading) live.delete(buildId);
    };
    loading.then((build) => {
      if (build === undefined) forget();
      else if (live.get(buildId) === loading) loaded.set(buildId, build);
    }, forget);
    return loading;
  };
  return {
    find,
    known: (buildId) => loaded.get(buildId),
    open: async (buildId) => {
      const build = await find(buildId);
      if (build !== undefined) return build;
      const message = `this node has no record of ${buildId}: its state directory was emptied or moved`;
      throw new FinalError(FailureType.RecordLost, message);
    },
    close: async (buildId) => {
      const build = await live.get(buildId)?.catch(() => undefined);
      build?.waits.close();
      build?.finished.abort(); // an uploader that did not hear of the end
      live.delete(buildId);
      loaded.delete(buildId);
      await traces.close(buildId);
    },
    listLost: async () => {
      const builds = await Promise.allSettled(live.values());
      return builds.flatMap((build) =>
        build.status === 'fulfilled' && build.value?.lease.isLost === true
          ? [build.value.context.buildId]
          : [],
      );
    },
  };
}

function createLiveBuild(
  record: BuildContext,
  trace: TraceWriter,
  ports: Pick<LivePorts, 'builds' | 'workflows' | 'clock'>,
): LiveBuild {
  const { builds } = ports;
  let context = record;
  const filesLost = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  const running = new Map<string, Promise<unknown>>();
  return {
    get context() {
      return context;
    },
    trace,
    waits: openWaits(record.buildId, ports),
    keepSecrets: async (secretVariables) => {
      const next = { ...context, secretVariables };
      await trace.hide(buildVariables(next, { jobStatus: 'running' }).maskPhrases());
      await builds.keep(context.buildId, { secretVariables });
      context = next;
    },
    keepExports: async (exports) => {
      await builds.keep(context.buildId, { exports });
      context = { ...context, exports };
    },
    finished: new AbortController(),
    preparation: new AbortController(),
    acknowledged: new AbortController(),
    released: new AbortController(),
    lease: openLease(),
    filesLost,
    noticeLoss: async () => {
      const { lostFiles } = (await builds.readFromDisk(context.buildId)) ?? context;
      if (lostFiles === undefined) return undefined;
      context = { ...context, lostFiles };
      filesLost.abort();
      return `the runner's files of the running build were removed from ${lostFiles}: it cannot go on`;
    },
    base: undefined,
    stage: undefined,
    diskFault: undefined,
    serviceLogs: undefined,
    exclusively: (send) => {
      const next = last.then(send, send);
      last = next.catch(() => undefined);
      return next;
    },
    joined: <T>(name: string, work: () => Promise<T>): Promise<T> => {
      const known = running.get(name);
      // The name stands for one kind of work, and so for one result type.
      if (known !== undefined) return known as Promise<T>;
      const started = work().finally(() => running.delete(name));
      running.set(name, started);
      return started;
    },
    settled: async (name) => {
      await running.get(name)?.catch(() => undefined);
    },
  };
}
