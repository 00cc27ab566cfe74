import { FailureType, FinalError } from '../../domain/failure.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import type { StagePlace } from '../../domain/context/stage.ts';
import type { EarlyStartAnswer } from '../../domain/executor/early-start.ts';
import type { ImageFacts } from '../../domain/executor/ready-container.ts';
import type { JobVariable } from '../../domain/job/payload.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { Ports, TraceWriter } from '../../ports/index.ts';
import type { Acknowledgement, Beginning } from '../contract.ts';
import { openLease, type LeaseState } from './lease-state.ts';
import { openWaits, type Waits } from './waits.ts';

/** Name of the work that creates containers: see {@link LiveBuild.joined}. */
export const CREATE_CONTAINERS = 'create containers';

/** A build as this process holds it. Everything in it can be restored from the node's record. */
export interface LiveBuild {
  /** The current context, which {@link keepSecrets} and {@link keepExports} extend. */
  readonly context: BuildContext;
  readonly trace: TraceWriter;
  /**
   * Aborts when the trace has its last line. The uploader then ends, and `reportResult` sends the
   * rest.
   */
  readonly finished: AbortController;
  /**
   * Aborts when nothing more is created for the build: GitLab does not want it, its result is
   * reported, its environment is removed, or another node has it.
   */
  readonly closing: AbortController;
  /**
   * Aborts when this process knows that GitLab has accepted the job, because GitLab takes no trace
   * before that.
   */
  readonly acknowledged: AbortController;
  /** What GitLab has answered to the acknowledgement, once it has {@link acknowledged} the job. */
  acknowledgement: Acknowledgement | undefined;
  /** Aborts when this process has reported the result, or need not report it. */
  readonly reported: AbortController;
  /** Aborts when the node's record of the build is deleted. */
  readonly released: AbortController;
  readonly lease: LeaseState;
  /** Aborts when the node's files of the build are found to be lost: see {@link noticeLoss}. */
  readonly filesLost: AbortController;
  /** The trace base as far as this process knows it: see trace-base.ts. */
  base: TraceBase | undefined;
  /** The eager begin that the workflow's first call takes over: see eager-begin.ts. */
  eagerBegin: Promise<Beginning> | undefined;
  /** The job's container, if this process has started it before its first script was there. */
  early: EarlyContainer | undefined;
  /**
   * Resolves when the job's container has really ended. Set while a stage already counts as over
   * but Docker has not reported the end of its container; undefined otherwise. Never rejects.
   */
  ending: Promise<void> | undefined;
  /** Stops the preparation that runs in this process, if one does. */
  preparing: AbortController | undefined;
  /** The stage that runs in this process, if one does. */
  stage: RunningStage | undefined;
  /**
   * The part of the build's log that could not be stored, and its path; undefined while the disk
   * has room.
   */
  diskFault: string | undefined;
  /**
   * Logs of services that are copied to the trace; undefined while this process has not checked.
   */
  serviceLogs: ServiceLogs | undefined;
  /** What the build waits for, for people who look at its workflow. */
  readonly waits: Waits;
  /**
   * Stores the secrets of the job. When this resolves, they are durable, masked in the trace and
   * visible to every stage.
   */
  keepSecrets(secretVariables: readonly JobVariable[]): Promise<void>;
  /**
   * Stores the variables that the scripts have exported. When this resolves, they are durable and
   * visible to every stage after the scripts.
   */
  keepExports(exports: readonly string[]): Promise<void>;
  /**
   * Checks whether somebody has deleted the node's files of the build, now or earlier. Returns why
   * the build then cannot continue: nobody knows how much of it had begun.
   */
  noticeLoss(): Promise<string | undefined>;
  /** Runs one call to the coordinator at a time, because patches must follow each other. */
  exclusively<T>(send: () => Promise<T>): Promise<T>;
  /**
   * Joins a call of the same name that is already running. Temporal repeats an activity whose
   * heartbeats were lost while the first call still runs in this process, and both then wait for
   * the same work. So the work must not depend on the cancellation of the call that began it.
   */
  joined<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Resolves when no call of this name is running, however it ended. */
  settled(name: string): Promise<void>;
}

/**
 * The position at which the trace of an adopted build begins in GitLab's trace: after the lost
 * node's part.
 */
export interface TraceBase {
  readonly atByte: number;
  /** Length of the first patch, which distinguishes our bytes from the other node's. */
  readonly lengthBytes: number;
  /** True: GitLab has accepted the first patch, so a patch of the other node no longer fits. */
  readonly isTaken: boolean;
}

/** A job's container that was started before its first script was there. */
export interface EarlyContainer {
  readonly containerId: string;
  /** What the container was made from. */
  readonly image: ImageFacts & { readonly reference: string };
  /** Resolves when the start is over. Never rejects. */
  readonly started: Promise<EarlyStartAnswer>;
  /** True: something of the build has failed since, so the container must not get a script. */
  isDoubtful: boolean;
}

export interface RunningStage {
  readonly key: string;
  readonly place: StagePlace;
  /** Why the stage was told to stop; undefined while it was not. */
  stopReason: string | undefined;
  /** Aborts when the stage is told to stop. For work in this process and not in a container. */
  readonly stopping: AbortController;
}

export interface ServiceLogs {
  /**
   * Stops copying. Resolves when everything that the services have printed so far is in the trace.
   */
  stop(): Promise<void>;
}

export interface LiveBuilds {
  /**
   * Returns the build, and restores it from the record if needed. Throws when this node has no
   * record of it.
   */
  open(buildId: string): Promise<LiveBuild>;
  /** Returns undefined when this node has no record, because the build was already released. */
  find(buildId: string): Promise<LiveBuild | undefined>;
  /** Returns undefined unless this process has opened the build. Reads nothing. */
  known(buildId: string): LiveBuild | undefined;
  close(buildId: string): Promise<void>;
  /** Lists the builds that are on another node now, as far as this process knows. */
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
    if (known === undefined) return findOrLoad(buildId);
    await known.noticeLoss();
    return known;
  };
  const findOrLoad = (buildId: string): Promise<LiveBuild | undefined> => {
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
      build?.finished.abort(); // This ends an uploader that did not learn of the end.
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
    closing: new AbortController(),
    acknowledged: new AbortController(),
    reported: new AbortController(),
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
    ...{ base: undefined, eagerBegin: undefined, early: undefined, ending: undefined },
    ...{ preparing: undefined, stage: undefined, acknowledgement: undefined },
    diskFault: undefined,
    serviceLogs: undefined,
    ...openWork(),
  };
}

/** Keeps what is running for a build: calls to the coordinator, and work that several calls join. */
function openWork(): Pick<LiveBuild, 'exclusively' | 'joined' | 'settled'> {
  let last: Promise<unknown> = Promise.resolve();
  const running = new Map<string, Promise<unknown>>();
  return {
    exclusively: (send) => {
      const next = last.then(send, send);
      last = next.catch(() => undefined);
      return next;
    },
    joined: <T>(name: string, work: () => Promise<T>): Promise<T> => {
      const known = running.get(name);
      // The name stands for one kind of work, and so for one type of result.
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
