import { EventEmitter } from 'node:events';
import { createJob, type ServerJob } from './job.ts';
import type { JobSpec } from './types.ts';

/** Jobs in the order they came, and who waits for one. */
export interface JobQueue {
  readonly jobs: readonly ServerJob[];
  add(spec: JobSpec): ServerJob;
  find(id: number): ServerJob | undefined;
  /** The oldest pending job that this runner may have. */
  next(runnerToken: string): ServerJob | undefined;
  /** Value of `X-GitLab-Last-Update`: another one after each new job. */
  readonly version: string;
  /** Resolves with the next new job, after the time, or when the client has gone. */
  whenChanged(timeoutMs: number, gone: AbortSignal): Promise<void>;
}

const FIRST_ID = 1001;

export function createJobQueue(): JobQueue {
  const jobs: ServerJob[] = [];
  const news = new EventEmitter().setMaxListeners(0);
  let version = 1;
  return {
    jobs,
    add: (spec) => {
      const job = createJob(FIRST_ID + jobs.length, spec);
      jobs.push(job);
      version += 1;
      news.emit('job');
      return job;
    },
    find: (id) => jobs.find((job) => job.id === id),
    next: (runnerToken) =>
      jobs.find(
        ({ state, spec }) =>
          state === 'pending' &&
          (spec.runnerToken === undefined || spec.runnerToken === runnerToken),
      ),
    get version() {
      return `v${version}`;
    },
    whenChanged: (timeoutMs, gone) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          news.off('job', done);
          gone.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, timeoutMs);
        news.once('job', done);
        gone.addEventListener('abort', done);
      }),
  };
}
