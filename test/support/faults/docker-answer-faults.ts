import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ANSWER_LOST,
  type DockerCall,
  type DockerProxy,
  type Verdict,
} from '../docker/docker-proxy.ts';
import type { Fault } from './faults.ts';

// In these faults a proxy changes Docker's answers during the whole job.

export interface Calls {
  /** The name of the calls in the suite's table. */
  readonly name: string;
  readonly method: string;
  /** A pattern for the path: see `DockerCall`. */
  readonly path: RegExp;
  /**
   * The number of calls that one step makes in parallel. All of them are caught before any is
   * passed on.
   */
  readonly sideBySide?: number;
}

/** How Docker handles a call. */
export interface Treatment {
  readonly name: string;
  treat(): Promise<Verdict>;
}

export const ANSWERS_500: Treatment = {
  name: 'answers 500',
  treat: () => Promise.resolve({ status: 500, message: 'layer store is locked' }),
};

export const LOSES_ANSWER: Treatment = {
  name: 'does it, and its answer is lost',
  treat: () => Promise.resolve(ANSWER_LOST),
};

export function answersLate(ms: number): Treatment {
  return {
    name: `answers ${ms / 1000} s late`,
    treat: async () => {
      await delay(ms); // This is the delay of the answer.
      return undefined;
    },
  };
}

/** Catches every third call to one path, because a repeated step may need two calls of a kind. */
export function meetCalls(proxy: DockerProxy, calls: Calls, { name, treat }: Treatment): Fault {
  const { method, path, sideBySide = 1 } = calls;
  const seen = new Map<string, number>();
  let met = 0;
  let made = 0;
  const isMet = (call: DockerCall): boolean => {
    if (call.method !== method || !path.test(call.path)) return false;
    const before = seen.get(call.path) ?? 0;
    seen.set(call.path, before + 1);
    return sideBySide === 1 ? before % 3 === 0 : before < sideBySide;
  };
  return {
    name: `Docker, asked to ${calls.name}, ${name}`,
    strike: ({ containers, job }) => {
      containers.listen(({ action, jobId }) => {
        if (action === 'create' && jobId === job.id) made += 1;
      });
      proxy.intercept((call) => {
        if (!isMet(call)) return Promise.resolve(undefined);
        met += 1;
        return treat();
      });
    },
    confirm: () => {
      proxy.intercept(() => Promise.resolve(undefined));
      assert.notEqual(met, 0, `Docker was never asked to ${calls.name}`);
      assert.equal(made, 1, 'the one container of the job is made once');
    },
  };
}
