import { cancellationSignal, Context } from '@temporalio/activity';
import type {
  JobRequest,
  SlotActivities,
  JobRequestOutcome,
} from '../../../src/activities/contract.ts';
import { defer, recordCalls, type Calls, type Deferred } from './calls.ts';

/** Turns of questions as a node takes them, answered by the test. */
export interface FakeGitLab {
  readonly activities: SlotActivities;
  /** The runner's turns from now on. */
  runner(key: string): FakeRunner;
  close(): void;
}

export interface FakeRunner {
  /** `ask` for each turn, `end` for each that was told to end. */
  readonly calls: Calls;
  readonly turns: readonly JobRequest[];
  /** Most turns that were under way at once. */
  readonly mostAtOnce: number;
  /** Answers the oldest turn under way, or the next to come. */
  answer(outcome: JobRequestOutcome): void;
  /** The node fails in the oldest turn under way. */
  fail(): void;
  /** From now on a turn that is told to end does not hear of it. */
  holdQuestions(): void;
}

export function openFakeGitLab(): FakeGitLab {
  const runners = new Map<string, ReturnType<typeof openRunner>>();
  const runnerOf = (key: string): ReturnType<typeof openRunner> => {
    const runner = runners.get(key) ?? openRunner();
    runners.set(key, runner);
    return runner;
  };
  return {
    activities: { requestJob: (turn) => runnerOf(turn.runnerKey).take(turn) },
    runner: runnerOf,
    close: () => {
      for (const runner of runners.values()) runner.close();
    },
  };
}

function openRunner(): FakeRunner & {
  take(turn: JobRequest): Promise<JobRequestOutcome>;
  close(): void;
} {
  const calls = recordCalls();
  const turns: JobRequest[] = [];
  /** Not answered yet. */
  const open: Deferred<JobRequestOutcome>[] = [];
  let underWay = 0;
  const answers: JobRequestOutcome[] = [];
  let mostAtOnce = 0;
  let isHolding = false;

  const forget = (question: Deferred<JobRequestOutcome>): void => {
    if (open.includes(question)) open.splice(open.indexOf(question), 1);
  };

  const take = async (turn: JobRequest): Promise<JobRequestOutcome> => {
    const question = defer<JobRequestOutcome>();
    const cancelled = cancellationSignal();
    const end = (): void => {
      if (!isHolding) {
        forget(question);
        question.reject(cancelled.reason);
      }
      calls.add('end');
    };
    cancelled.addEventListener('abort', end, { once: true });
    const { heartbeat } = Context.current();
    const beats = setInterval(() => heartbeat(), 100).unref();
    turns.push(turn);
    underWay += 1;
    mostAtOnce = Math.max(mostAtOnce, underWay);
    const known = answers.shift();
    if (known === undefined) open.push(question);
    else question.resolve(known);
    calls.add('ask');
    try {
      return await question.promise;
    } finally {
      clearInterval(beats);
      cancelled.removeEventListener('abort', end);
      underWay -= 1;
      forget(question);
    }
  };

  return {
    calls,
    turns,
    get mostAtOnce() {
      return mostAtOnce;
    },
    answer: (outcome) => {
      const question = open.shift();
      if (question === undefined) answers.push(outcome);
      else question.resolve(outcome);
    },
    fail: () => open.shift()?.reject(new Error('the node failed')),
    holdQuestions: () => {
      isHolding = true;
    },
    take,
    close: () => {
      for (const question of open) question.resolve({ kind: 'no_job' });
    },
  };
}
