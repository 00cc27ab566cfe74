import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import { nextRequestAtMs } from '../../domain/runner/fleet.ts';
import type { JobRequest, SlotActivities, JobRequestOutcome } from '../contract.ts';
import { createDockerCheck } from '../environment/docker-answers.ts';
import { createEndedBuilds, type EndedBuilds } from '../build/ended-builds.ts';
import { withHeartbeat } from '../build/heartbeat.ts';
import {
  recordJob,
  type BeginBuild,
  type OfferedJobRequest,
  type OfferPorts,
} from './record-job.ts';
import type { CapacityPermit, JobReply, Ports, RunnerLimit } from '../../ports/index.ts';

/** A call that finds no room within this time ends, because another node may have some. */
const ROOM_WAIT_MS = 2_000;
/**
 * The same for a runner at its limit, at most: each call in a row waits longer, because often no
 * other node has room for the runner either.
 */
const MAX_LIMIT_WAIT_MS = 20_000;
/**
 * A GitLab that has not answered by then may be overloaded, so another runner gets the slot
 * meanwhile.
 */
const LEND_AFTER_MS = 5_000;
/** How often to check whether Temporal is back. */
const AWAY_PAUSE_MS = 500;
/**
 * Temporal gives up a call half a minute after its last heartbeat, and heartbeats are at most seven
 * seconds apart. So Temporal has not given up a call while its last contact is younger than this.
 */
const HEARD_MS = 20_000;

type RequestPorts = OfferPorts & Pick<Ports, 'capacity' | 'config' | 'temporalHealth'>;
type SlotPorts = RequestPorts & Pick<Ports, 'engine'>;

export function createSlotActivities(
  ports: SlotPorts,
  { ended = createEndedBuilds(), begin = () => undefined }: SlotOptions = {},
): SlotActivities {
  const scope = { ports, hasDocker: createDockerCheck(ports), ended, begin, limitWaits: new Map() };
  return {
    requestJob: (request) => withHeartbeat(() => runJobRequest(request, scope)),
  };
}

interface SlotOptions {
  readonly ended?: EndedBuilds;
  readonly begin?: BeginBuild;
}

interface JobRequestScope {
  readonly ports: RequestPorts;
  readonly hasDocker: (runner: RunnerConfig) => Promise<boolean>;
  readonly ended: EndedBuilds;
  readonly begin: BeginBuild;
  /** How long the next call of a runner at its limit waits, in milliseconds, by runner key. */
  readonly limitWaits: Map<string, number>;
}

async function runJobRequest(
  request: JobRequest,
  scope: JobRequestScope,
): Promise<JobRequestOutcome> {
  const { ports, hasDocker, ended, begin } = scope;
  const { clock, config } = ports;
  const runnerWorkflowId = activityInfo().workflowExecution?.workflowId;
  const endMs = clock.monotonicMs() + request.durationMs;
  let asksAtOnce = request.askAtOnce;
  let heardAtMs = clock.monotonicMs();
  let noJob: JobRequestOutcome = { kind: 'no_job' };
  for (;;) {
    const runner = config.runner(request.runnerKey);
    if (runner === undefined) return { kind: 'unknown_runner' };
    if (!(await untilDue(request, { ports, ended, endMs, asksAtOnce }))) return noJob;
    asksAtOnce = false;
    if (!(await hasDocker(runner))) {
      ports.metrics.requestSkipped(runner);
      // The call ends, because another node may have a Docker that answers.
      await clock.sleep(ROOM_WAIT_MS, cancellationSignal());
      return { kind: 'no_job', wait: 'docker' };
    }
    const permit = await takeRoom(runner, scope);
    if (permit === undefined) return { kind: 'no_job', wait: 'place' };
    try {
      if (await ports.temporalHealth.isThere()) {
        heardAtMs = clock.monotonicMs();
        const reply = await ask(request, { runner, permit, ports, begin, runnerWorkflowId });
        if (reply.kind !== 'no_job') return reply;
        noJob = reply;
        continue;
      }
    } finally {
      permit.release();
    }
    ports.metrics.requestSkipped(runner);
    await whenThere(ports);
    // Temporal may have given up this call and made another one. It would not accept the answer of
    // this one.
    if (clock.monotonicMs() - heardAtMs > HEARD_MS) return { kind: 'no_job', wait: 'temporal' };
    heartbeat();
    asksAtOnce = true;
  }
}

interface DueScope extends Pick<JobRequestScope, 'ended'> {
  readonly ports: Pick<Ports, 'clock'>;
  /** The end of the call, by the monotonic clock. */
  readonly endMs: number;
  /** True: the request does not wait for the interval. */
  readonly asksAtOnce: boolean;
}

/**
 * Waits until the runner may ask again, which is at once when a build of it has ended here. Returns
 * false when the call ends before that. Then the next call can wait for the due time, also when it
 * begins at once.
 */
async function untilDue(
  request: JobRequest,
  { ports, ended, endMs, asksAtOnce }: DueScope,
): Promise<boolean> {
  const { clock } = ports;
  if (ended.take(request.runnerKey) || asksAtOnce) return true;
  const nowMs = clock.nowMs();
  const waitMs = nextRequestAtMs(nowMs, request) - nowMs;
  const restMs = endMs - clock.monotonicMs();
  const isDue = waitMs <= restMs;
  const pauseMs = isDue ? waitMs : Math.min(restMs, waitMs - request.durationMs);
  if (pauseMs <= 0) return false;
  return (await untilTick(pauseMs, request.runnerKey, { ports, ended })) || isDue;
}

/**
 * Waits for this time. Ends early, and returns true, when a build of the runner has ended here,
 * because its slot is free for another job.
 */
async function untilTick(
  waitMs: number,
  runnerKey: string,
  { ports, ended }: Pick<JobRequestScope, 'ended'> & { readonly ports: Pick<Ports, 'clock'> },
): Promise<boolean> {
  const cancellation = cancellationSignal();
  let hasEndedBuild = false;
  const over = new AbortController();
  const hasEnded = ended.next(runnerKey, over.signal);
  const sleeping = ports.clock.sleep(waitMs, AbortSignal.any([cancellation, over.signal]));
  try {
    await Promise.race([sleeping, hasEnded]);
    hasEndedBuild = ended.take(runnerKey);
  } finally {
    over.abort();
    await sleeping.catch(() => undefined);
  }
  cancellation.throwIfAborted();
  return hasEndedBuild;
}

async function whenThere({
  temporalHealth,
  clock,
}: Pick<Ports, 'temporalHealth' | 'clock'>): Promise<void> {
  do await clock.sleep(AWAY_PAUSE_MS, cancellationSignal());
  while (!(await temporalHealth.isThere()));
}

/**
 * Reserves a slot for a request of the runner; undefined when there is no room. The node itself
 * keeps the runner's limit and its pause, because other nodes' workflows ask through it too, and
 * because a runner's workflow may not know of all its builds.
 */
async function takeRoom(
  runner: RunnerConfig,
  { ports, limitWaits }: Pick<JobRequestScope, 'ports' | 'limitWaits'>,
): Promise<CapacityPermit | undefined> {
  const { key, limit } = runner;
  const runnerLimit = { runnerKey: key, limit };
  const isWithin = ports.capacity.isWithin(runnerLimit);
  const waitMs = isWithin ? ROOM_WAIT_MS : (limitWaits.get(key) ?? ROOM_WAIT_MS);
  const permit = await findRoom(ports, cancellationSignal(), { runnerLimit, waitMs });
  if (permit !== undefined) limitWaits.delete(key);
  else if (isWithin) ports.metrics.requestSkipped(runner);
  else limitWaits.set(key, Math.min(2 * waitMs, MAX_LIMIT_WAIT_MS));
  return permit;
}

interface RoomOptions {
  readonly runnerLimit?: RunnerLimit;
  readonly waitMs?: number;
}

/**
 * Reserves a slot for one more build. Returns undefined when none is free within `waitMs`, or when
 * the runner is paused here, or has as many builds here as its limit allows.
 */
export async function findRoom(
  { capacity, clock }: Pick<Ports, 'capacity' | 'clock'>,
  signal: AbortSignal,
  { runnerLimit, waitMs = ROOM_WAIT_MS }: RoomOptions = {},
): Promise<CapacityPermit | undefined> {
  const limit = new AbortController();
  const answered = new AbortController();
  const expire = (): void => {
    limit.abort();
  };
  void clock.sleep(waitMs, answered.signal).then(expire, () => undefined);
  try {
    return await capacity.acquire(AbortSignal.any([limit.signal, signal]), runnerLimit);
  } catch (error) {
    if (limit.signal.aborted) return undefined;
    throw error;
  } finally {
    answered.abort();
  }
}

type OpenJobRequest = Omit<OfferedJobRequest, 'session'>;

/** Sends one request. */
async function ask(request: JobRequest, input: OpenJobRequest): Promise<JobRequestOutcome> {
  const { runner, ports } = input;
  const session = ports.sessions.offer();
  const reply = await replyTo(request, { ...input, session });
  const fields = { runner: runner.key, runner_name: runner.name };
  switch (reply.kind) {
    case 'no_job':
      ports.log.debug('no job', fields);
      return { kind: 'no_job' };
    case 'failed':
      ports.log.warn('asking for a job failed', { ...fields, reason: reply.message });
      return { kind: 'no_job', isAway: true };
    case 'forbidden':
      ports.log.error('asking for a job was refused', { ...fields, reason: reply.message });
      return { kind: 'forbidden', message: reply.message };
    case 'job':
      return (await recordJob(reply, { ...input, session })) ?? { kind: 'no_job' };
  }
}

/** Sends the request. GitLab may hold it open only when nobody else needs its slot. */
async function replyTo(
  { mayWait }: JobRequest,
  { runner, permit, session, ports: { clock, coordinator, metrics } }: OfferedJobRequest,
): Promise<JobReply> {
  const end = metrics.requestBegan(runner);
  let kind: JobReply['kind'] = 'failed';
  const answered = new AbortController();
  const lend = (): void => permit.lend();
  if (!mayWait) void clock.sleep(LEND_AFTER_MS, answered.signal).then(lend, () => undefined);
  try {
    const reply = await coordinator(runner).requestJob({ mayWait, session });
    ({ kind } = reply);
    return reply;
  } finally {
    end(kind);
    answered.abort();
  }
}
