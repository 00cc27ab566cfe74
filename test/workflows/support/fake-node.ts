import { Context } from '@temporalio/activity';
import { Client, WorkflowNotFoundError } from '@temporalio/client';
import { Worker, type NativeConnection } from '@temporalio/worker';
import type {
  Acknowledgement,
  BuildActivities,
  BuildRef,
  ConfigActivities,
  StageRequest,
  UploadEnd,
} from '../../../src/activities/contract.ts';
import type { BuildOutcome, StageOutcome } from '../../../src/domain/context/outcome.ts';
import type { PlannedStage } from '../../../src/domain/context/stage.ts';
import type { FleetSettings } from '../../../src/domain/runner/fleet.ts';
import { buildEndedSignal, nodeQueue } from '../../../src/workflows/messages.ts';
import { defer, recordCalls, type Calls, type Deferred } from './calls.ts';

type NodeActivities = BuildActivities & ConfigActivities;

/** A node whose stages end at once by default. */
export interface FakeNode {
  readonly queue: string;
  /** The name of each called activity, with its stage or the like: `runStage step_script`. */
  readonly calls: Calls;
  readonly outcomes: readonly BuildOutcome[];
  /** Replaces activities. */
  behave(change: Partial<NodeActivities>): void;
  /** Sets the outcome of a stage. A promise makes it last; `stopStage` ends it too. */
  stage(name: string, outcome: StageOutcome | Promise<StageOutcome>): void;
  /** Sets GitLab's answer to the trace from now on. */
  answerTrace(answer: Exclude<UploadEnd, 'sealed'>): void;
  config(settings: FleetSettings): void;
  /** Lets the node die: its activities never end. */
  kill(): Promise<void>;
  /** Starts the node's next process. */
  restart(): Promise<void>;
}

export async function startFakeNode(connection: NativeConnection, name: string): Promise<FakeNode> {
  const queue = nodeQueue(name);
  const calls = recordCalls();
  const fake = openFake(calls, new Client({ connection }));
  let worker = await createWorker();
  let running = worker.run().catch(ignoreForced);

  function createWorker(): Promise<Worker> {
    return Worker.create({
      connection,
      taskQueue: queue,
      activities: { ...fake.activities() },
      shutdownForceTime: '200 ms',
      maxHeartbeatThrottleInterval: '100 ms',
      defaultHeartbeatThrottleInterval: '100 ms',
    });
  }

  const node: FakeNode = {
    queue,
    calls,
    outcomes: fake.outcomes,
    behave: fake.behave,
    stage: fake.stage,
    answerTrace: fake.answerTrace,
    config: (settings) => fake.behave({ loadConfig: () => Promise.resolve(settings) }),
    kill: async () => {
      fake.die();
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
    },
    restart: async () => {
      fake.revive();
      worker = await createWorker();
      running = worker.run().catch(ignoreForced);
    },
  };
  return node;
}

/** Ignores the worker's error about activities that were cut off, because a kill does that. */
function ignoreForced(): void {
  return undefined;
}

interface Fake {
  readonly outcomes: readonly BuildOutcome[];
  activities(): NodeActivities;
  behave(change: Partial<NodeActivities>): void;
  stage(name: string, outcome: StageOutcome | Promise<StageOutcome>): void;
  answerTrace(answer: Exclude<UploadEnd, 'sealed'>): void;
  die(): void;
  revive(): void;
}

const SUCCEEDED: StageOutcome = { kind: 'succeeded' };

function openFake(calls: Calls, client: Client): Fake {
  const outcomes: BuildOutcome[] = [];
  const stages = new Map<string, StageOutcome | Promise<StageOutcome>>();
  let isDead = false;
  const hasDied = (): boolean => isDead;
  let sealed = defer<UploadEnd>();
  let answer: Deferred<Exclude<UploadEnd, 'sealed'>> = defer();
  let acknowledged: Deferred<void> = defer();
  let running: Deferred<StageOutcome> | undefined;

  let behaviour: NodeActivities = {
    loadConfig: () => Promise.reject(new Error('this node has no config')),
    answerCall: () => Promise.resolve(),
    acknowledgeJob: () => Promise.resolve('accepted'),
    beginBuild: async (build) => {
      const beginning = await acknowledgeJob(build);
      if (beginning === 'accepted') await prepareEnvironment(build);
      return beginning;
    },
    prepareEnvironment: () => Promise.resolve(),
    runStage: async (_build, { stage }) => {
      const ending = defer<StageOutcome>();
      running = ending;
      return Promise.race([ending.promise, stages.get(stage.name) ?? SUCCEEDED]);
    },
    stopStage: () => {
      running?.resolve({ kind: 'stopped' });
      return Promise.resolve();
    },
    uploadTrace: async (_build, { ignoreCanceling, jobTimeoutMs, awaitsAcknowledgement }) => {
      if (awaitsAcknowledgement === true) await acknowledged.promise;
      return Promise.race([
        sealed.promise,
        answer.promise.then((end) =>
          (end === 'canceling' && ignoreCanceling) ||
          (end === 'overdue' && jobTimeoutMs === undefined)
            ? sealed.promise
            : end,
        ),
      ]);
    },
    reportResult: (_build, outcome) => {
      outcomes.push(outcome);
      sealed.resolve('sealed');
      return Promise.resolve();
    },
    timeLeft: () => Promise.resolve(0),
    writeNotice: () => Promise.resolve(),
    startForShell: () => Promise.resolve(true),
    destroyEnvironment: () => Promise.resolve(),
    releaseBuild: () => Promise.resolve(),
    markCanceled: ({ buildId }) =>
      client.workflow
        .getHandle(buildId)
        .cancel()
        .then(() => undefined),
  };

  const never = new Promise<never>(() => undefined);
  const act = async <T>(call: string, work: () => Promise<T>): Promise<T> => {
    if (hasDied()) return never;
    calls.add(call);
    const { heartbeat } = Context.current();
    const beats = setInterval(() => heartbeat(), 100).unref(); // some calls never end
    try {
      const value = await work();
      return hasDied() ? await never : value;
    } finally {
      clearInterval(beats);
    }
  };

  const acknowledgeJob = (build: BuildRef): Promise<Acknowledgement> => {
    sealed = defer();
    answer = defer();
    acknowledged.resolve();
    return act('acknowledgeJob', () => behaviour.acknowledgeJob(build));
  };
  const prepareEnvironment = (build: BuildRef): Promise<void> =>
    act('prepareEnvironment', () => behaviour.prepareEnvironment(build));

  return {
    outcomes,
    behave: (change) => {
      behaviour = { ...behaviour, ...change };
    },
    stage: (name, outcome) => void stages.set(name, outcome),
    answerTrace: (end) => answer.resolve(end),
    die: () => {
      isDead = true;
    },
    revive: () => {
      isDead = false;
    },
    activities: () => ({
      loadConfig: () => act('loadConfig', () => behaviour.loadConfig()),
      // This is not among the calls, because it changes nothing.
      answerCall: () => (hasDied() ? never : behaviour.answerCall()),
      acknowledgeJob,
      prepareEnvironment,
      // It is counted as the two calls that it consists of.
      beginBuild: (build) => behaviour.beginBuild(build),
      runStage: (build, request) =>
        act(describeStage(request), () => behaviour.runStage(build, request)),
      stopStage: (build, request) =>
        act(`stopStage ${request.how}`, () => behaviour.stopStage(build, request)),
      timeLeft: (build, limitMs, stage) =>
        act('timeLeft', () => behaviour.timeLeft(build, limitMs, stage)),
      uploadTrace: (build, options) =>
        act('uploadTrace', () => behaviour.uploadTrace(build, options)),
      reportResult: (build, outcome, before) =>
        act(`${namesBefore(before)}reportResult ${outcome.state}`, () =>
          behaviour.reportResult(build, outcome, before),
        ),
      writeNotice: (build, notice) =>
        act(`writeNotice ${notice.text}`, () => behaviour.writeNotice(build, notice)),
      startForShell: (build, count) =>
        act(`startForShell ${count}`, () => behaviour.startForShell(build, count)),
      destroyEnvironment: (build, cleanup) =>
        act(`${namesBefore(cleanup && [cleanup])}destroyEnvironment`, () =>
          behaviour.destroyEnvironment(build, cleanup),
        ),
      releaseBuild: (build, runner) =>
        act('releaseBuild', async () => {
          if (runner !== undefined) await signalRunner(client, runner, build);
          await behaviour.releaseBuild(build, runner);
          acknowledged = defer();
        }),
      // This is not among the calls, because it is about the workflow, not about the job.
      markCanceled: (build) => (hasDied() ? never : behaviour.markCanceled(build)),
    }),
  };
}

/** Tells the runner of the end, like the node. No runner counts most builds of the tests. */
async function signalRunner(client: Client, runner: string, { buildId }: BuildRef): Promise<void> {
  try {
    await client.workflow.getHandle(runner).signal(buildEndedSignal, buildId);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

/** Stages that go with a call, before what it is named after. */
function namesBefore(stages: readonly PlannedStage[] = []): string {
  return stages.map(({ name }) => `${name} + `).join('');
}

function describeStage({ stage, attempt, jobStatus, before }: StageRequest): string {
  const status = stage.name === 'after_script' ? ` ${jobStatus}` : '';
  return `runStage ${namesBefore(before)}${stage.name}${attempt === 1 ? '' : `#${attempt}`}${status}`;
}
