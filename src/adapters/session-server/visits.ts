import { createListeners } from '../../domain/listeners.ts';
import type { Sessions } from '../../ports/index.ts';

/** A person's visit at the terminal of a build. */
export interface Visit {
  /** Aborts when the terminal is to be closed. Its reason is a text for the person. */
  readonly ending: AbortSignal;
  close(reason: string): void;
  /** Records that the person has gone. */
  leave(): void;
}

/** Tells who is at which build's terminal. Only one person is let in at a time. */
export interface Visits extends Omit<Sessions, 'offer' | 'timeoutMs'> {
  /** Lets a person in. Returns undefined when somebody else is there. */
  enter(buildId: string): Visit | undefined;
  /**
   * Closes all terminals because this process ends. Its builds are not told that the people have
   * gone: the job waits for them in the next process.
   */
  endAll(reason: string): void;
}

export function createVisits(): Visits {
  const visits = new Map<string, Visit>();
  const listeners = createListeners();
  let isEnding = false;
  return {
    enter: (buildId) => {
      if (visits.has(buildId)) return undefined;
      const ending = new AbortController();
      const visit: Visit = {
        ending: ending.signal,
        close: (reason) => ending.abort(reason),
        leave: () => {
          if (isEnding || visits.get(buildId) !== visit) return;
          visits.delete(buildId);
          listeners.tell();
        },
      };
      visits.set(buildId, visit);
      listeners.tell();
      return visit;
    },
    isConnected: (buildId) => visits.has(buildId),
    onChange: listeners.add,
    end: (buildId, reason) => visits.get(buildId)?.close(reason),
    endAll: (reason) => {
      isEnding = true;
      for (const visit of visits.values()) visit.close(reason);
    },
  };
}
