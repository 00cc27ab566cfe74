import { Context } from '@temporalio/activity';
import type {
  Acknowledgement,
  BuildActivities,
  BuildRef,
  StageRequest,
} from '../../../src/activities/contract.ts';
import type { BuildOutcome, StageOutcome } from '../../../src/domain/context/outcome.ts';
import { defer, type Deferred } from './calls.ts';
import type { Random } from './random.ts';

/** The calls of one build on a node where each of them may fail, last long or be repeated. */
export interface RandomBuild {
  /** `begin <call>` and `end <call>` of every call, `fail <call>` when it failed. */
  readonly story: readonly string[];
  readonly outcomes: readonly BuildOutcome[];
}

/** Is called before each call with the number of calls so far. */
export type Meddler = (buildId: string, callCount: number) => Promise<void>;

interface State {
  readonly story: string[];
  readonly outcomes: BuildOutcome[];
  readonly random: Random;
  callCount: number;
  running: Deferred<StageOutcome> | undefined;
  readonly sealed: Deferred<'sealed'>;
}

const FAULT_CHANCE = 0.12;
const AHEAD_MS = 500;
const LASTING_CHANCE = 0.15;

export function openRandomNode(meddle: Meddler, cancel: (buildId: string) => Promise<void>) {
  const builds = new Map<string, State>();
  const stateOf = ({ buildId }: BuildRef): State => {
    const state = builds.get(buildId);
    if (state === undefined) throw new Error(`unknown build ${buildId}`);
    return state;
  };

  const act = async <T>(build: BuildRef, call: string, work: () => Promise<T>): Promise<T> => {
    const state = stateOf(build);
    const { story, random } = state;
    state.callCount += 1;
    story.push(`begin ${call}`);
    const { heartbeat } = Context.current();
    const beats = setInterval(() => heartbeat(), 200).unref();
    try {
      await meddle(build.buildId, state.callCount);
      if (random.chance(FAULT_CHANCE)) throw new Error('failed before it had an effect');
      const value = await work();
      if (random.chance(FAULT_CHANCE)) throw new Error('done, but its answer was lost');
      story.push(`end ${call}`);
      return value;
    } catch (error) {
      story.push(`fail ${call}`);
      throw error;
    } finally {
      clearInterval(beats);
    }
  };

  const runStage = (build: BuildRef, request: StageRequest): Promise<StageOutcome> => {
    const state = stateOf(build);
    const { random } = state;
    // Only GitLab ends an upload: the job's time-out does not run any more.
    const mayLast = !request.stage.name.startsWith('upload_artifacts');
    if (random.chance(LASTING_CHANCE) && mayLast) {
      state.running = defer();
      return state.running.promise;
    }
    const hasFailed = random.chance(0.2);
    return Promise.resolve(
      hasFailed ? { kind: 'script_failed', exitCode: request.attempt } : { kind: 'succeeded' },
    );
  };

  const acknowledge = (build: BuildRef): Promise<Acknowledgement> => {
    const answers = ['accepted', 'accepted', 'accepted', 'canceling', 'gone', 'taken'] as const;
    return Promise.resolve(stateOf(build).random.pick(answers));
  };

  const activities: BuildActivities = {
    answerCall: () => Promise.resolve(),
    acknowledgeJob: (build) => act(build, 'acknowledge', () => acknowledge(build)),
    beginBuild: (build) =>
      act(build, 'begin: acknowledge', async () => {
        if (stateOf(build).random.chance(0.2)) return 'unanswered';
        const beginning = await acknowledge(build);
        if (beginning === 'accepted') await act(build, 'prepare', () => Promise.resolve());
        return beginning;
      }),
    prepareEnvironment: (build) => act(build, 'prepare', () => Promise.resolve()),
    runStage: (build, request) =>
      act(build, `${request.stage.name}#${request.attempt}`, () => runStage(build, request)),
    stopStage: (build) =>
      act(build, 'stop', () => {
        stateOf(build).running?.resolve({ kind: 'stopped' });
        return Promise.resolve();
      }),
    uploadTrace: (build) => stateOf(build).sealed.promise,
    reportResult: (build, outcome) =>
      act(build, 'report', () => {
        stateOf(build).outcomes.push(outcome);
        stateOf(build).sealed.resolve('sealed');
        return Promise.resolve();
      }),
    // Sometimes Temporal's clock is ahead of the node's.
    timeLeft: (build) =>
      act(build, 'time left', () =>
        Promise.resolve(stateOf(build).random.chance(0.3) ? AHEAD_MS : 0),
      ),
    writeNotice: (build) => act(build, 'notice', () => Promise.resolve()),
    startForShell: (build) => act(build, 'shell', () => Promise.resolve(true)),
    destroyEnvironment: (build) => act(build, 'destroy', () => Promise.resolve()),
    releaseBuild: (build) => act(build, 'release', () => Promise.resolve()),
    markCanceled: ({ buildId }) => cancel(buildId),
  };
  return {
    activities,
    add: (buildId: string, random: Random): RandomBuild => {
      const state: State = {
        ...{ story: [], outcomes: [], random, callCount: 0, running: undefined },
        sealed: defer(),
      };
      builds.set(buildId, state);
      return state;
    },
  };
}
