import { cancellationSignal } from '@temporalio/activity';
import type { BuildContext } from '../domain/build/context.ts';
import { TransientError } from '../domain/failure.ts';
import { isDebugTrace } from '../domain/job/debug-trace.ts';
import type { BuildActivities, UploadEnd, UploadOptions } from './contract.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { LiveBuild, LiveBuilds } from './live-builds.ts';
import type { JobCredentials, Ports, RemoteJobState } from './ports.ts';

/** GitLab takes at most 1 MiB a patch. */
const MAX_PATCH_BYTES = 1024 * 1024;
const FIRST_INTERVAL_MS = 3_000;
const MAX_INTERVAL_MS = 15 * 60_000;
/** A silent job says this often that it lives; so it learns that it was canceled. */
const TOUCH_INTERVAL_MS = 30_000;

export function createTraceActivities(
  ports: Ports,
  live: LiveBuilds,
): Pick<BuildActivities, 'uploadTrace'> {
  return {
    uploadTrace: ({ buildId }, options) =>
      withHeartbeat(async () => {
        const build = await live.find(buildId);
        if (build === undefined) return 'sealed';
        const name = `upload ignoreCanceling=${options.ignoreCanceling}`;
        return build.joined(name, () => upload(build, options, ports));
      }),
  };
}

async function upload(
  build: LiveBuild,
  { ignoreCanceling }: UploadOptions,
  ports: Ports,
): Promise<UploadEnd> {
  const { clock, log } = ports;
  const over = AbortSignal.any([build.sealed.signal, cancellationSignal()]);
  let intervalMs = FIRST_INTERVAL_MS;
  let lastSentMs = clock.nowMs();
  for (;;) {
    await clock.sleep(intervalMs, over).catch(() => undefined);
    if (over.aborted) return 'sealed';
    try {
      const beat = await build.exclusively(() => sendBeat(build, { lastSentMs, ports }));
      if (beat.hasSent) lastSentMs = clock.nowMs();
      intervalMs = Math.min(beat.updateIntervalMs ?? intervalMs, MAX_INTERVAL_MS);
      if (beat.remote === 'aborted') return 'aborted';
      if (beat.remote === 'canceling' && !ignoreCanceling) return 'canceling';
    } catch (error) {
      // Never the job's fault: the next beat sends the same bytes.
      if (!(error instanceof TransientError)) throw error;
      log.warn('trace not sent', { job: build.context.job.id, reason: error.message });
    }
  }
}

interface Beat {
  readonly hasSent: boolean;
  readonly remote: RemoteJobState;
  readonly updateIntervalMs: number | undefined;
}

async function sendBeat(
  build: LiveBuild,
  { lastSentMs, ports }: { lastSentMs: number; ports: Ports },
): Promise<Beat> {
  const { trace } = build;
  await trace.checkpoint();
  let beat: Beat = { hasSent: false, remote: 'running', updateIntervalMs: undefined };
  // More than one patch a beat only when a full one was not enough.
  while (trace.ackedBytes < trace.sendableBytes && beat.remote === 'running') {
    const reply = await sendPatch(build, ports);
    if (reply.kind === 'job_gone') return { ...beat, remote: 'aborted' };
    if (reply.kind === 'not_found') return { ...beat, hasSent: true };
    const { remote, updateIntervalMs } = reply;
    beat = { hasSent: true, remote, updateIntervalMs };
  }
  if (beat.hasSent || ports.clock.nowMs() - lastSentMs < TOUCH_INTERVAL_MS) return beat;
  return touch(build, ports);
}

async function touch({ context, trace }: LiveBuild, ports: Ports): Promise<Beat> {
  const update = { state: 'running', ...trace.checksum() } as const;
  const reply = await ports.coordinator(context.runner).updateJob(credentialsOf(context), update);
  const remote =
    reply.kind === 'done' ? reply.remote : reply.kind === 'job_gone' ? 'aborted' : 'running';
  return { hasSent: true, remote, updateIntervalMs: undefined };
}

/** Sends the next patch and moves `ackedBytes` to where the coordinator then stands. */
export async function sendPatch({ context, trace }: LiveBuild, ports: Ports) {
  const body = await trace.read(trace.ackedBytes, MAX_PATCH_BYTES);
  const window = { startByte: trace.ackedBytes, endByte: trace.ackedBytes + body.byteLength };
  const debugTrace = isDebugTrace(context);
  const coordinator = ports.coordinator(context.runner);
  const reply = await coordinator.patchTrace(credentialsOf(context), { window, body, debugTrace });
  switch (reply.kind) {
    case 'accepted':
      trace.ackedBytes = window.endByte;
      break;
    case 'range_mismatch':
      ports.log.warn('trace out of step, following GitLab', {
        job: context.job.id,
        startByte: window.startByte,
        remoteLengthBytes: reply.remoteLengthBytes,
      });
      // GitLab ahead of us would be somebody else's bytes; the final checksum tells.
      trace.ackedBytes = Math.min(reply.remoteLengthBytes, trace.sendableBytes);
      break;
    case 'not_found':
      trace.ackedBytes = window.endByte;
      break;
    case 'job_gone':
      break;
  }
  return reply;
}

export function credentialsOf({ job }: BuildContext): JobCredentials {
  return { jobId: job.id, token: job.token };
}
