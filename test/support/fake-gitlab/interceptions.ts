import type { FakeAnswer, InterceptedRequest, Interception, Interceptor } from './types.ts';

export interface Interceptions {
  add(interceptor: Interceptor): Interception;
  /** Returns the answer that a test has set. The first matching one is used. */
  answerFor(request: InterceptedRequest): FakeAnswer | undefined;
}

export function createInterceptions(): Interceptions {
  const entries = new Set<{ readonly interceptor: Interceptor; count: number }>();
  return {
    add: (interceptor) => {
      const entry = { interceptor, count: 0 };
      entries.add(entry);
      return {
        get count() {
          return entry.count;
        },
        remove: () => void entries.delete(entry),
      };
    },
    answerFor: (request) => {
      for (const entry of entries) {
        const answer = entry.interceptor(request);
        if (answer === undefined) continue;
        entry.count++;
        return answer;
      }
      return undefined;
    },
  };
}
