import { EventEmitter } from 'node:events';
import { cleanLog, sectionSeconds } from './cleaned-log.ts';
import { createReceivedTrace, type ReceivedTrace } from './received-trace.ts';
import { randomToken } from './runners.ts';
import type { FakeArtifact, FakeJob, FakeSession, FakeJobState, JobSpec } from './types.ts';
import { createWaiting, type Waiting } from './waiting.ts';

const FINAL_STATES: readonly FakeJobState[] = ['success', 'failed', 'canceled'];
const DEFAULT_WAIT_MS = 180_000;
/**
 * A runner may send another call before it learns that the job has ended, and one more after a
 * kill.
 */
const ALLOWED_LATE_CALLS = 3;
const ALLOWED_RESENDS = 3;

/** A job with the fields and functions that only the server uses. */
export interface ServerJob extends FakeJob {
  readonly spec: JobSpec;
  readonly received: ReceivedTrace;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly isErased: boolean;
  readonly isFinal: boolean;
  readonly isOffered: boolean;
  handOut(options: HandOut): void;
  /**
   * Records that a runner has reported that it runs the job. Returns false when the job does not
   * belong to this runner.
   */
  acknowledge(): boolean;
  keepPayload(payload: Readonly<Record<string, unknown>>): void;
  append(bytes: Buffer): void;
  addArtifact(artifact: FakeArtifact): void;
  finish(end: JobEnd): void;
  /** Counts a call that came after the end. Returns true when there are too many. */
  countLateCall(): boolean;
  /** Counts a patch that GitLab already has. Returns true when there are too many. */
  countResend(): boolean;
  /** Allows one more repetition, because an answer about the trace was lost. */
  allowResend(): void;
  /**
   * Counts a final update with a wrong checksum. The first one is answered 412; returns true from
   * the second one on.
   */
  countInvalidFinal(): boolean;
}

export interface HandOut {
  /** Whether the runner knows the state `canceling`. Such a runner may still run after_script. */
  readonly cancelsGracefully: boolean;
  /** The job is offered again when the runner does not confirm it within this time. */
  readonly acknowledgeMs: number | undefined;
  readonly session: FakeSession | undefined;
}

export interface JobEnd {
  readonly state: 'success' | 'failed';
  readonly failureReason: string | undefined;
  readonly exitCode: number | undefined;
}

interface Facts {
  state: FakeJobState;
  failureReason: string | undefined;
  exitCode: number | undefined;
  handedOut: number;
  /** Whether a runner has confirmed that it runs the job. */
  isAcknowledged: boolean;
  isOfferedAgain: boolean;
  /** Whether the job was handed out twice. It stays with the first runner. */
  isContested: boolean;
  handedOutAtMs: number | undefined;
  finishedAtMs: number | undefined;
  isErased: boolean;
  cancelsGracefully: boolean;
  session: FakeSession | undefined;
  payload: Readonly<Record<string, unknown>>;
}

const FIRST_FACTS: Readonly<Facts> = {
  ...{ state: 'pending', failureReason: undefined, exitCode: undefined, handedOut: 0 },
  ...{ handedOutAtMs: undefined, finishedAtMs: undefined, isErased: false },
  ...{ cancelsGracefully: false, payload: {}, session: undefined },
  ...{ isAcknowledged: false, isOfferedAgain: false, isContested: false },
};

export interface JobOptions {
  readonly spec: JobSpec;
  /** This function is called when the job can be handed out again. */
  readonly onOffer: () => void;
}

export function createJob(id: number, { spec, onOffer }: JobOptions): ServerJob {
  const changes = new EventEmitter().setMaxListeners(0);
  const received = createReceivedTrace();
  const facts: Facts = { ...FIRST_FACTS };
  const artifacts: FakeArtifact[] = [];
  const change = (next: Partial<Facts>): void => {
    Object.assign(facts, next);
    changes.emit('change');
  };
  const identity = {
    ...{ id, spec, received, artifacts, name: spec.name ?? `job-${id}` },
    token: `glcbt-64_${randomToken()}`,
  };
  // The views must be the target of the assignment, because only its getters stay getters.
  return Object.assign(createViews(facts, received), {
    ...identity,
    ...createActions({ facts, change, received, artifacts }),
    ...createOffers({ facts, change, received, onOffer }),
    ...createCounters(),
    ...createWaits(createWaiting(changes), { id, facts, received }),
  });
}

/** Returns the changing fields of a job. Each is computed when it is read. */
function createViews(facts: Facts, received: ReceivedTrace) {
  return {
    get state() {
      return facts.state;
    },
    get failureReason() {
      return facts.failureReason;
    },
    get exitCode() {
      return facts.exitCode;
    },
    get session() {
      return facts.session;
    },
    get isOffered() {
      return facts.state === 'pending' || facts.isOfferedAgain;
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
    get isFinal() {
      return FINAL_STATES.includes(facts.state);
    },
    get payload() {
      return facts.payload;
    },
    get trace() {
      return received.bytes;
    },
    get log() {
      return cleanLog(received.bytes.toString());
    },
    get sectionSeconds() {
      return sectionSeconds(received.bytes.toString());
    },
  };
}

interface Parts {
  readonly facts: Facts;
  readonly change: (next: Partial<Facts>) => void;
  readonly received: ReceivedTrace;
  readonly artifacts: FakeArtifact[];
}

function createActions({ facts, change, received, artifacts }: Parts) {
  return {
    keepPayload: (payload: Readonly<Record<string, unknown>>) => change({ payload }),
    append: (bytes: Buffer) => {
      received.append(bytes);
      change({});
    },
    addArtifact: (artifact: FakeArtifact) => {
      artifacts.push(artifact);
      change({});
    },
    finish: ({ state, failureReason, exitCode }: JobEnd) => {
      const finishedAtMs = Date.now();
      // A canceled job stays canceled, whatever the runner reports.
      if (facts.state === 'canceling') change({ state: 'canceled', finishedAtMs });
      else change({ state, failureReason, exitCode, finishedAtMs });
    },
    cancel: () => {
      if (facts.state === 'running' && facts.cancelsGracefully) change({ state: 'canceling' });
      else if (facts.state === 'pending' || facts.state === 'running') {
        change({ state: 'canceled', finishedAtMs: Date.now() });
      }
    },
    erase: () => change({ isErased: true }),
    loseTrace: (keptBytes: number) => {
      received.markLost();
      received.truncate(keptBytes);
      change({});
    },
    addToTrace: (bytes: Buffer) => {
      received.markMixed();
      received.append(bytes);
      change({});
    },
  };
}

/**
 * Decides which runner has the job. A runner may lose the job until it has confirmed it, and is
 * then answered 409. Source: GitLab `doc/development/cicd/two_phase_job_commit.md`.
 */
function createOffers({ facts, change, received, onOffer }: Omit<Parts, 'artifacts'> & OfferTold) {
  const takeBack = (): void => {
    if (facts.isAcknowledged || facts.isErased || facts.state !== 'running') return;
    change({ state: 'pending' });
    onOffer();
  };
  return {
    handOut: ({ cancelsGracefully, acknowledgeMs, session }: HandOut) => {
      const handedOut = facts.handedOut + 1;
      const again = { isOfferedAgain: false, handedOut };
      if (facts.state !== 'pending') return change({ ...again, isContested: facts.isAcknowledged });
      change({ ...again, state: 'running', cancelsGracefully, session, handedOutAtMs: Date.now() });
      if (acknowledgeMs !== undefined) setTimeout(takeBack, acknowledgeMs).unref();
    },
    acknowledge: () => {
      if (facts.state === 'pending' || facts.isContested) return false;
      facts.isAcknowledged = true;
      return true;
    },
    restore: () => {
      received.markLost();
      received.truncate(0);
      facts.isAcknowledged = false;
      change({ state: 'pending', failureReason: undefined, exitCode: undefined });
      change({ finishedAtMs: undefined, isContested: false });
      onOffer();
    },
    handOutAgain: () => {
      change({ isOfferedAgain: true });
      onOffer();
    },
  };
}

interface OfferTold {
  readonly onOffer: () => void;
}

function createCounters() {
  let lateCalls = 0;
  let resends = 0;
  let allowedResends = ALLOWED_RESENDS;
  let invalidFinals = 0;
  return {
    countLateCall: () => ++lateCalls > ALLOWED_LATE_CALLS,
    countResend: () => ++resends > allowedResends,
    allowResend: () => {
      allowedResends += 1;
    },
    countInvalidFinal: () => ++invalidFinals > 1,
  };
}

function createWaits(
  waiting: Waiting,
  { id, facts, received }: { id: number; facts: Facts; received: ReceivedTrace },
) {
  const when = <T>(look: () => T | undefined, what: string, timeoutMs = DEFAULT_WAIT_MS) =>
    waiting.until(look, {
      timeoutMs,
      describe: () => {
        const end = cleanLog(received.bytes.toString()).slice(-2_000);
        return `job ${id} is ${facts.state} after ${timeoutMs} ms, not ${what}; its log ends:\n${end}`;
      },
    });
  const whenState = (states: readonly FakeJobState[], timeoutMs?: number) =>
    when(
      () => (states.includes(facts.state) ? facts.state : undefined),
      states.join(' or '),
      timeoutMs,
    );
  return {
    whenState,
    whenFinished: (timeoutMs?: number) => whenState(FINAL_STATES, timeoutMs),
    whenLog: (pattern: RegExp, timeoutMs?: number) =>
      when(
        () => pattern.exec(cleanLog(received.bytes.toString())) ?? undefined,
        `with ${pattern} in its log`,
        timeoutMs,
      ),
  };
}
