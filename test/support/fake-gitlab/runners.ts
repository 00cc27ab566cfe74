import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';

/**
 * A runner in GitLab's sense. Several machines may share it, and each of them has its own system
 * id.
 */
export interface Runner {
  readonly id: number;
  readonly token: string;
  /** The value of `X-GitLab-Last-Update`, which changes with every job for this runner. */
  readonly queueValue: string;
  readonly systemIds: Set<string>;
  /** Resolves when a job for the runner arrives, after the time, or when the signal aborts. */
  whenQueueChanges(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

export interface Runners {
  find(token: string | undefined): Runner | undefined;
  add(runner: { readonly token: string; readonly id?: number }): Runner;
  remove(token: string): boolean;
  /** Gives the runner a new token of the same kind. */
  resetToken(token: string): Runner | undefined;
  /** Notifies a runner, or all of them, of a new job. */
  announceJob(token: string | undefined): void;
}

interface Entry {
  readonly runner: Runner;
  announce(): void;
}

export function createRunners(): Runners {
  const entries = new Map<string, Entry>();
  let lastId = 0;
  const add: Runners['add'] = ({ token, id }) => {
    lastId = Math.max(lastId + 1, id ?? 0);
    const entry = createEntry(token, id ?? lastId);
    entries.set(token, entry);
    return entry.runner;
  };
  return {
    add,
    find: (token = '') => entries.get(token)?.runner,
    remove: (token) => entries.delete(token),
    resetToken: (token) => {
      const old = entries.get(token)?.runner;
      if (old === undefined) return undefined;
      entries.delete(token);
      const prefix = /^(?:glrt-)?(?:t\d_)?/.exec(token)?.[0] ?? '';
      return add({ id: old.id, token: `${prefix}${randomToken()}` });
    },
    announceJob: (token) => {
      for (const entry of entries.values()) {
        if (token === undefined || token === entry.runner.token) entry.announce();
      }
    },
  };
}

function createEntry(token: string, id: number): Entry {
  const news = new EventEmitter().setMaxListeners(0);
  let queueValue = newQueueValue();
  return {
    runner: {
      ...{ id, token, systemIds: new Set<string>() },
      get queueValue() {
        return queueValue;
      },
      whenQueueChanges: (timeoutMs, signal) =>
        new Promise((resolve) => {
          const done = (): void => {
            clearTimeout(timer);
            news.off('job', done);
            signal.removeEventListener('abort', done);
            resolve();
          };
          const timer = setTimeout(done, timeoutMs);
          news.on('job', done);
          signal.addEventListener('abort', done);
        }),
    },
    announce: () => {
      queueValue = newQueueValue();
      news.emit('job');
    },
  };
}

function newQueueValue(): string {
  return randomBytes(16).toString('hex');
}

/** Returns a token of 20 characters, which is the length of GitLab's tokens. */
export function randomToken(): string {
  return randomBytes(15).toString('base64url');
}
