import { cancellationSignal } from '@temporalio/activity';
import { jobFields } from '../../domain/build/job-fields.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import { waitAfter } from '../../domain/build/wait.ts';
import { TransientError } from '../../domain/failure.ts';
import { isDebugTrace } from '../../domain/variables/debug-trace.ts';
import { USUAL_PATCH_BYTES } from '../../domain/trace/patch-size.ts';
import type { JobCredentials, PatchReply, Ports, RemoteJobState } from '../../ports/index.ts';
import { isDiskFull } from '../build/full-disk.ts';
import { withHeartbeat } from '../build/heartbeat.ts';
import { doubtLease, holdsLease, type LeasePorts } from '../build/lease.ts';
import type { LiveBuild, LiveBuilds } from '../build/live-builds.ts';
import { defineFlag } from '../build/note.ts';
import { whenAborted } from '../build/when-aborted.ts';
import type { BuildActivities, UploadEnd, UploadOptions } from '../contract.ts';
import { startDueTime } from './job-clock.ts';
import { findBase, isOwnTrace, moveBase, sendFirstPatch } from './trace-base.ts';

/** A log that lags this far behind is sent without pauses. */
const FAR_BEHIND_BYTES = 4 * 1024 * 1024;
/**
 * The trace of a job that ends earlier is sent as a whole with its result, which saves a request.
 */
const FIRST_PAUSE_MS = 1_000;
const USUAL_INTERVAL_MS = 3_000;
/**
 * How often a silent job reports that it is alive. GitLab's answer tells whether the job was
 * canceled.
 */
const TOUCH_INTERVAL_MS = 30_000;

/** Set when the trace has its last line. An uploader that starts later has nothing left to do. */
export const FINISHED_NOTE = defineFlag('sealed');

/** What it takes to send a build's trace. */
export type SendPorts = LeasePorts & Pick<Ports, 'builds' | 'coordinator' | 'metrics'>;

export function createTraceActivities(
  ports: SendPorts,
  live: LiveBuilds,
): Pick<BuildActivities, 'uploadTrace'> {
  return {
    uploadTrace: ({ buildId }, options) =>
      withHeartbeat(async () => {
        const build = await live.find(buildId);
        if (build === undefined) return 'sealed';
        const { ignoreCanceling, jobTimeoutMs, awaitsAcknowledgement = false } = options;
        // The workflow knows that GitLab has accepted the job, perhaps from an earlier process. A
        // call to that process may have been repeated here, and still wait for the acceptance.
        if (!awaitsAcknowledgement) build.acknowledged.abort();
        const name = `upload ignoreCanceling=${ignoreCanceling} jobTimeoutMs=${jobTimeoutMs}`;
        const uploading = build.joined(name, () => upload(build, options, ports));
        return Promise.race([endAfterReport(build, uploading, options), untilCancelled()]);
      }),
  };
}

/** See `UploadOptions.untilReleased`. */
async function endAfterReport(
  { reported, released }: LiveBuild,
  uploading: Promise<UploadEnd>,
  { untilReleased = false }: UploadOptions,
): Promise<UploadEnd> {
  const end = await uploading;
  if (end === 'sealed' && untilReleased) {
    // Another process may have reported the result.
    await whenAborted(AbortSignal.any([reported.signal, released.signal]));
  }
  return end;
}

/** Resolves when the caller no longer waits. The loop is shared, and ends with the trace. */
function untilCancelled(): Promise<UploadEnd> {
  return whenAborted(cancellationSignal()).then(() => 'sealed' as const);
}

async function upload(
  build: LiveBuild,
  options: UploadOptions,
  ports: SendPorts,
): Promise<UploadEnd> {
  const { clock, log } = ports;
  const { context, finished } = build;
  if (await FINISHED_NOTE.isSet(context.buildId, ports)) return 'sealed';
  await untilAcknowledged(build, options);
  let pace: Pace = { pauseMs: FIRST_PAUSE_MS, intervalMs: USUAL_INTERVAL_MS };
  let lastSentMs = clock.monotonicMs();
  const untilOverdueMs = startDueTime(options, clock);
  for (;;) {
    const pauseMs = Math.min(pace.pauseMs, untilOverdueMs());
    await clock.sleep(pauseMs, finished.signal).catch(() => undefined);
    if (finished.signal.aborted) return 'sealed';
    if (untilOverdueMs() === 0) return 'overdue';
    try {
      const tick = await build.exclusively(() => sendTick(build, { lastSentMs, ports }));
      build.waits.end('uploadTrace');
      if (tick.hasSent) lastSentMs = clock.monotonicMs();
      const end = endOf(tick, options);
      if (end !== undefined) return end;
      pace = paceAfter(tick, pace, build);
    } catch (error) {
      // This is never the job's fault. The next tick sends the same bytes.
      if (!(error instanceof TransientError)) throw error;
      pace = { ...pace, pauseMs: Math.max(pace.intervalMs, error.retryAfterMs ?? 0) };
      build.waits.begin('uploadTrace', waitAfter(error));
      log.warn('trace not sent', { ...jobFields(context), reason: error.message });
    }
  }
}

/** See `UploadOptions.awaitsAcknowledgement`. */
async function untilAcknowledged(
  { acknowledged, finished }: LiveBuild,
  { awaitsAcknowledgement = false }: UploadOptions,
): Promise<void> {
  if (!awaitsAcknowledgement) return;
  await whenAborted(AbortSignal.any([acknowledged.signal, finished.signal]));
}

interface Pace {
  /** The pause before the next tick. */
  readonly pauseMs: number;
  /** The interval that GitLab asks for. */
  readonly intervalMs: number;
}

function paceAfter(tick: Tick, { intervalMs }: Pace, { trace }: LiveBuild): Pace {
  const nextMs = tick.updateIntervalMs ?? intervalMs;
  const isFarBehind = trace.writtenBytes - trace.ackedBytes >= FAR_BEHIND_BYTES;
  return { pauseMs: tick.hasSent && isFarBehind ? 0 : nextMs, intervalMs: nextMs };
}

function endOf({ remote }: Tick, { ignoreCanceling }: UploadOptions): UploadEnd | undefined {
  if (remote === 'running' || (remote === 'canceling' && ignoreCanceling)) return undefined;
  return remote;
}

interface Tick {
  readonly hasSent: boolean;
  readonly remote: RemoteJobState;
  readonly updateIntervalMs: number | undefined;
}

const QUIET_TICK: Tick = { hasSent: false, remote: 'running', updateIntervalMs: undefined };

async function sendTick(
  build: LiveBuild,
  { lastSentMs, ports }: { lastSentMs: number; ports: SendPorts },
): Promise<Tick> {
  const { trace, finished } = build;
  // The result was sent while this tick waited for its turn, and the whole trace with it.
  if (finished.signal.aborted) return QUIET_TICK;
  // A silent stage would not notice lost files before its end.
  await build.noticeLoss();
  await checkpoint(build, ports);
  let tick = QUIET_TICK;
  // Sends more than one patch per tick only when the last one was full.
  while (trace.ackedBytes < trace.sendableBytes) {
    const reply = await sendPatch(build, ports);
    if (reply.kind === 'job_gone') return { ...QUIET_TICK, remote: 'aborted' };
    // The next tick sends the same bytes again, and not at once, however much is unsent.
    if (reply.kind === 'not_found') return { ...tick, hasSent: false };
    if (reply.kind === 'too_large') continue;
    const { remote, updateIntervalMs } = reply;
    tick = { hasSent: reply.kind === 'accepted', remote, updateIntervalMs };
    if (reply.kind === 'range_mismatch' || remote !== 'running') return tick;
  }
  if (tick.hasSent || ports.clock.monotonicMs() - lastSentMs < TOUCH_INTERVAL_MS) return tick;
  return touch(build, ports);
}

/**
 * Makes all of the trace sendable. On a full disk the tick goes on without that, because GitLab's
 * answer may end the very job that has filled the disk.
 */
async function checkpoint(build: LiveBuild, { log }: Pick<Ports, 'log'>): Promise<void> {
  const { context, trace, waits } = build;
  try {
    await trace.checkpoint();
    waits.end('checkpoint');
  } catch (error) {
    if (!(error instanceof TransientError) || !isDiskFull(error)) throw error;
    waits.begin('checkpoint', waitAfter(error));
    log.warn('trace not stored', { ...jobFields(context), reason: error.message });
  }
}

async function touch(build: LiveBuild, ports: SendPorts): Promise<Tick> {
  const { context, trace } = build;
  if (!(await holdsLease(build, ports))) return { ...QUIET_TICK, remote: 'aborted' };
  const sums = (await isOwnTrace(build, ports)) ? trace.checksum() : {};
  const update = { state: 'running', ...sums } as const;
  const reply = await ports.coordinator(context.runner).updateJob(credentialsOf(context), update);
  if (reply.kind === 'job_gone') logJobGone(build, reply.status, ports);
  const remote =
    reply.kind === 'done' ? reply.remote : reply.kind === 'job_gone' ? 'aborted' : 'running';
  return { hasSent: true, remote, updateIntervalMs: undefined };
}

/** What the coordinator answers for a job that another node has now. Nothing more may be sent. */
const NOT_OURS: PatchReply = { kind: 'job_gone', status: 403 };

/**
 * Sends the next patch and moves `ackedBytes` to the coordinator's new length. Also tells the
 * metrics how many bytes GitLab lacks, whether the patch was sent or not.
 */
export async function sendPatch(build: LiveBuild, ports: SendPorts): Promise<PatchReply> {
  const { context, trace } = build;
  try {
    return await trySendPatch(build, ports);
  } finally {
    ports.metrics.traceSent(context, Math.max(0, trace.sendableBytes - trace.ackedBytes));
  }
}

async function trySendPatch(build: LiveBuild, ports: SendPorts): Promise<PatchReply> {
  if (!(await holdsLease(build, ports))) return NOT_OURS;
  const base = await findBase(build, ports);
  if (base !== undefined) return sendNextPatch(build, base, ports);
  const job = credentialsOf(build.context);
  return sendFirstPatch(build, { job, ports, maxBytes: USUAL_PATCH_BYTES });
}

type NextPatchPorts = Pick<Ports, 'builds' | 'coordinator' | 'log'>;

async function sendNextPatch(
  build: LiveBuild,
  base: number,
  ports: NextPatchPorts,
): Promise<PatchReply> {
  const { context, trace } = build;
  const startByte = base + trace.ackedBytes;
  const { reply, sentBytes } = await sendBytes(build, startByte, ports);
  switch (reply.kind) {
    case 'accepted':
      trace.ackedBytes += sentBytes;
      break;
    case 'range_mismatch':
      // Expected after `kill -9`: GitLab's last answer was not stored.
      ports.log.info('GitLab has another length of the log, sending continues from there', {
        ...jobFields(context),
        startByte,
        remoteLengthBytes: reply.remoteLengthBytes,
      });
      // If GitLab has more than we sent, the bytes are somebody else's, and the final checksum will
      // show it.
      if (reply.remoteLengthBytes < base) await moveBase(build, reply.remoteLengthBytes, ports);
      trace.ackedBytes = clamp(reply.remoteLengthBytes - base, trace.sendableBytes);
      doubtLease(build);
      break;
    case 'not_found':
      break;
    case 'too_large':
      ports.log.info('GitLab accepts no large parts of a log, sending smaller ones', {
        ...jobFields(context),
        bytes: sentBytes,
      });
      break;
    case 'job_gone':
      logJobGone(build, reply.status, ports);
      break;
  }
  return reply;
}

interface SentBytes {
  readonly reply: PatchReply;
  readonly sentBytes: number;
}

/** Sends the next bytes, as many as GitLab takes at once. */
async function sendBytes(
  { context, trace }: LiveBuild,
  startByte: number,
  ports: NextPatchPorts,
): Promise<SentBytes> {
  const coordinator = ports.coordinator(context.runner);
  const permit = coordinator.takePatchPermit(trace.sendableBytes - trace.ackedBytes);
  try {
    const body = await trace.read(trace.ackedBytes, permit.maxBytes);
    const window = { startByte, endByte: startByte + body.byteLength };
    const patch = { window, body, debugTrace: isDebugTrace(context) };
    const reply = await coordinator.patchTrace(credentialsOf(context), patch);
    return { reply, sentBytes: body.byteLength };
  } finally {
    permit.giveBack();
  }
}

/** Tells the operator that the job is gone, because GitLab ends such a job without any message. */
export function logJobGone(
  { context }: LiveBuild,
  status: number,
  { log }: Pick<Ports, 'log'>,
): void {
  log.warn(
    'GitLab takes nothing more of the job: it was deleted, has ended there, or its token has',
    { ...jobFields(context), status },
  );
}

function clamp(value: number, max: number): number {
  return Math.max(0, Math.min(value, max));
}

export function credentialsOf({ job }: BuildContext): JobCredentials {
  return { jobId: job.id, token: job.token };
}
