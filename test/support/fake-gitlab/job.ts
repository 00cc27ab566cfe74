import { EventEmitter } from 'node:events';
import { randomBytes } from 'node:crypto';
import { readableLog, sectionSeconds } from './readable-log.ts';
import type { FakeJob, FakeJobState, JobSpec } from './types.ts';

export const FINAL_STATES: readonly FakeJobState[] = ['success', 'failed', 'canceled'];

/** A job with the side of it that only the server sees. */
export interface ServerJob extends FakeJob {
  readonly spec: JobSpec;
  readonly isErased: boolean;
  /** It was handed to a runner that knows `canceling`. */
  handOut(options: { readonly cancelsGracefully: boolean }): void;
  append(bytes: Buffer): void;
  finish(end: JobEnd): void;
}

export interface JobEnd {
  readonly state: 'success' | 'failed';
  readonly failureReason: string | undefined;
  readonly exitCode: number | undefined;
}

export function createJob(id: number, spec: JobSpec): ServerJob {
  const changes = new EventEmitter().setMaxListeners(0);
  const facts = newFacts();
  const change = (next: Partial<Facts>): void => {
    Object.assign(facts, next);
    changes.emit('change');
  };
  /** Resolves with the first answer that `look` gives, now or after a change. */
  const when = <T>(look: () => T | undefined, what: string, timeoutMs: number): Promise<T> =>
    new Promise((resolve, reject) => {
      const settle = (): void => {
        const found = look();
        if (found === undefined) return;
        clearTimeout(timer);
        changes.off('change', settle);
        resolve(found);
      };
      const timer = setTimeout(() => {
        changes.off('change', settle);
        const end = readableLog(traceOf(facts)).slice(-2_000);
        reject(
          new Error(`job ${id} is ${facts.state} after ${timeoutMs} ms, not ${what}:\n${end}`),
        );
      }, timeoutMs);
      changes.on('change', settle);
      settle();
    });

  return {
    ...{
      id,
      spec,
      token: `glcbt-${randomBytes(12).toString('hex')}`,
      name: spec.name ?? `job-${id}`,
    },
    get state() {
      return facts.state;
    },
    get failureReason() {
      return facts.failureReason;
    },
    get exitCode() {
      return facts.exitCode;
    },
    get handedOut() {
      return facts.handedOut;
    },
    get handedOutAtMs() {
      return facts.handedOutAtMs;
    },
    get finishedAtMs() {
      return facts.finishedAtMs;
    },
    get isErased() {
      return facts.isErased;
    },
    get trace() {
      return traceOf(facts);
    },
    get log() {
      return readableLog(traceOf(facts));
    },
    get sectionSeconds() {
      return sectionSeconds(traceOf(facts));
    },
    cancel: () => {
      if (facts.state === 'pending' || (facts.state === 'running' && !facts.cancelsGracefully)) {
        change({ state: 'canceled', finishedAtMs: Date.now() });
      } else if (facts.state === 'running') change({ state: 'canceling' });
    },
    erase: () => change({ isErased: true }),
    handOut: ({ cancelsGracefully }) => {
      const handedOut = facts.handedOut + 1;
      change({ state: 'running', cancelsGracefully, handedOut, handedOutAtMs: Date.now() });
    },
    append: (bytes) => {
      facts.chunks.push(bytes);
      changes.emit('change');
    },
    finish: ({ state, failureReason, exitCode }) => {
      const finishedAtMs = Date.now();
      if (facts.state === 'canceling') change({ state: 'canceled', finishedAtMs });
      else change({ state, failureReason, exitCode, finishedAtMs });
    },
    whenState: (states, timeoutMs = 60_000) =>
      when(
        () => (states.includes(facts.state) ? facts.state : undefined),
        states.join(' or '),
        timeoutMs,
      ),
    whenFinished: (timeoutMs = 60_000) =>
      when(
        () => (FINAL_STATES.includes(facts.state) ? facts.state : undefined),
        'finished',
        timeoutMs,
      ),
    whenLog: (pattern, timeoutMs = 60_000) =>
      when(
        () => pattern.exec(readableLog(traceOf(facts))) ?? undefined,
        `with ${pattern} in its log`,
        timeoutMs,
      ),
  };
}

interface Facts {
  state: FakeJobState;
  failureReason: string | undefined;
  exitCode: number | undefined;
  chunks: Buffer[];
  handedOut: number;
  handedOutAtMs: number | undefined;
  finishedAtMs: number | undefined;
  isErased: boolean;
  cancelsGracefully: boolean;
}

function newFacts(): Facts {
  return {
    state: 'pending',
    failureReason: undefined,
    exitCode: undefined,
    chunks: [],
    handedOut: 0,
    handedOutAtMs: undefined,
    finishedAtMs: undefined,
    isErased: false,
    cancelsGracefully: false,
  };
}

/** One buffer from then on: traces are looked at more often than they grow. */
function traceOf(facts: Facts): Buffer {
  if (facts.chunks.length > 1) facts.chunks = [Buffer.concat(facts.chunks)];
  return facts.chunks[0] ?? Buffer.alloc(0);
}
