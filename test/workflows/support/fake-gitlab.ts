import { cancellationSignal, Context } from '@temporalio/activity';
import type {
  JobRequest,
  SlotActivities,
  JobRequestOutcome,
} from '../../../src/activities/contract.ts';
import { defer, recordCalls, type Calls, type Deferred } from './calls.ts';

/** The activities by which a node requests jobs. The test answers them. */
export interface FakeGitLab {
  readonly activities: SlotActivities;
  /** The job requests of one runner. */
  runner(key: string): FakeRunner;
  close(): void;
}

export interface FakeRunner {
  /** `ask` for each request, `end` for each that was cancelled. */
  readonly calls: Calls;
  readonly requests: readonly JobRequest[];
  /** The highest number of requests that were under way at once. */
  readonly mostAtOnce: number;
  /** Answers the oldest request under way, or the next one. */
  answer(outcome: JobRequestOutcome): void;
  /** Lets the oldest request under way fail. */
  fail(): void;
  /** From now on a request goes on when it is cancelled. */
  ignoreCancellation(): void;
  /** Stops the heartbeats of the requests under way, as the death of their process does. */
  fallSilent(): void;
}

export function openFakeGitLab(): FakeGitLab {
  const runners = new Map<string, ReturnType<typeof openRunner>>();
  const runnerOf = (key: string): ReturnType<typeof openRunner> => {
    const runner = runners.get(key) ?? openRunner();
    runners.set(key, runner);
    return runner;
  };
  return {
    activities: { requestJob: (request) => runnerOf(request.runnerKey).take(request) },
    runner: runnerOf,
    close: () => {
      for (const runner of runners.values()) runner.close();
    },
  };
}

function openRunner(): FakeRunner & {
  take(request: JobRequest): Promise<JobRequestOutcome>;
  close(): void;
} {
  const calls = recordCalls();
  const requests: JobRequest[] = [];
  /** The requests without an answer yet. */
  const open: Deferred<JobRequestOutcome>[] = [];
  let underWay = 0;
  const answers: JobRequestOutcome[] = [];
  let mostAtOnce = 0;
  let isIgnoring = false;
  const heartbeats = new Set<NodeJS.Timeout>();

  const forget = (reply: Deferred<JobRequestOutcome>): void => {
    if (open.includes(reply)) open.splice(open.indexOf(reply), 1);
  };

  const take = async (request: JobRequest): Promise<JobRequestOutcome> => {
    const reply = defer<JobRequestOutcome>();
    const cancelled = cancellationSignal();
    const end = (): void => {
      if (!isIgnoring) {
        forget(reply);
        reply.reject(cancelled.reason);
      }
      calls.add('end');
    };
    cancelled.addEventListener('abort', end, { once: true });
    const { heartbeat } = Context.current();
    const beats = setInterval(() => heartbeat(), 100).unref();
    heartbeats.add(beats);
    requests.push(request);
    underWay += 1;
    mostAtOnce = Math.max(mostAtOnce, underWay);
    const known = answers.shift();
    if (known === undefined) open.push(reply);
    else reply.resolve(known);
    calls.add('ask');
    try {
      return await reply.promise;
    } finally {
      clearInterval(beats);
      heartbeats.delete(beats);
      cancelled.removeEventListener('abort', end);
      underWay -= 1;
      forget(reply);
    }
  };

  return {
    calls,
    requests,
    get mostAtOnce() {
      return mostAtOnce;
    },
    answer: (outcome) => {
      const reply = open.shift();
      if (reply === undefined) answers.push(outcome);
      else reply.resolve(outcome);
    },
    fail: () => open.shift()?.reject(new Error('the node failed')),
    ignoreCancellation: () => {
      isIgnoring = true;
    },
    fallSilent: () => {
      for (const beats of heartbeats) clearInterval(beats);
    },
    take,
    close: () => {
      for (const reply of open) reply.resolve({ kind: 'no_job' });
    },
  };
}
