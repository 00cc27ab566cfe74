import { errorMessage } from '../../domain/error-message.ts';
import { wireFailureReason } from '../../domain/build/failure-reason.ts';
import { hideSecrets } from '../../domain/build/hide-secrets.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import { formatResultLine } from '../../domain/build/result-line.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import type { BuildOutcome } from '../../domain/context/outcome.ts';
import { parseBuildOutcome } from '../../domain/context/parse-outcome.ts';
import type { PlannedStage } from '../../domain/context/stage.ts';
import { formatHeader } from '../../domain/script/titles.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { JobUpdate, Ports } from '../../ports/index.ts';
import { stopEagerBegin } from '../build/eager-begin.ts';
import { withHeartbeat } from '../build/heartbeat.ts';
import { holdsLease } from '../build/lease.ts';
import type { LiveBuild, LiveBuilds } from '../build/live-builds.ts';
import { defineNote, type NotePorts } from '../build/note.ts';
import { printStage } from '../build/stage-lines.ts';
import type { Acknowledgement, BuildActivities } from '../contract.ts';
import { concludeServices } from '../environment/service-logs.ts';
import { isOwnTrace } from '../trace/trace-base.ts';
import {
  credentialsOf,
  logJobGone,
  FINISHED_NOTE,
  sendPatch,
  type SendPorts,
} from '../trace/trace.ts';

type CoordinatorActivities = Pick<BuildActivities, 'acknowledgeJob' | 'reportResult'>;

/** The build's outcome. The trace may show it as soon as this note exists. */
const RESULT_NOTE = defineNote('result', parseBuildOutcome);
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 60_000;
/**
 * How often a trace is sent again from its first byte. Source: gitlab-runner `network/trace.go`.
 */
const MAX_REWINDS = 10;

/** What it takes to tell GitLab how a build has ended. */
export type ReportPorts = SendPorts & Pick<Ports, 'engine'>;

export function createCoordinatorActivities(
  ports: ReportPorts,
  live: LiveBuilds,
): CoordinatorActivities {
  return {
    acknowledgeJob: ({ buildId }) =>
      withHeartbeat(async () => {
        const build = await live.open(buildId);
        ports.metrics.stageBegan(build.context, { stage: '', executorStage: 'created' });
        await printHeader(build);
        return acknowledgeOnce(build, ports);
      }),

    reportResult: ({ buildId }, outcome, before) =>
      withHeartbeat(async () => {
        const build = await live.open(buildId);
        ports.metrics.stageBegan(build.context, { stage: '', executorStage: 'finish' });
        await build.joined('report', () => report(build, { outcome, before }, ports));
        build.reported.abort();
      }),
  };
}

/**
 * Acknowledges a job whose trace has its header, or joins a call that is in progress. What GitLab has
 * already answered to this process is returned again.
 */
export async function acknowledgeOnce(
  build: LiveBuild,
  ports: SendPorts,
): Promise<Acknowledgement> {
  if (build.acknowledgement !== undefined) return build.acknowledgement;
  const answer = await build.joined('acknowledge', () => acknowledge(build, ports));
  if (answer === 'accepted' || answer === 'canceling') {
    build.acknowledgement = answer;
    build.acknowledged.abort();
  }
  return answer;
}

async function acknowledge(build: LiveBuild, ports: SendPorts): Promise<Acknowledgement> {
  const { context } = build;
  if (!(await holdsLease(build, ports))) return 'gone';
  const coordinator = ports.coordinator(context.runner);
  const reply = await coordinator.updateJob(credentialsOf(context), { state: 'running' });
  switch (reply.kind) {
    case 'done':
      return reply.remote === 'aborted'
        ? 'gone'
        : reply.remote === 'canceling'
          ? 'canceling'
          : 'accepted';
    case 'pending':
    case 'trace_invalid': // Nothing was sent yet. GitLab has the state, and will ask for the trace.
      return 'accepted';
    case 'conflict':
      ports.log.warn('job is taken by another runner', jobFields(context));
      return 'taken';
    case 'job_gone':
      ports.log.warn('job is gone', { ...jobFields(context), status: reply.status });
      return 'gone';
  }
}

/** Prints the first lines of the trace. */
export async function printHeader({ context, trace }: LiveBuild): Promise<void> {
  const variables = buildVariables(context, { jobStatus: 'running' });
  await trace.appendOnce('header', formatHeader(context, variables));
}

export interface BuildReport {
  readonly outcome: BuildOutcome;
  /** Stages that only print a line, and whose lines are not in the trace yet. */
  readonly before?: readonly PlannedStage[] | undefined;
}

/** Writes the last lines, and sends the trace and the state until GitLab has accepted them. */
export async function report(
  build: LiveBuild,
  { outcome: proposed, before = [] }: BuildReport,
  ports: ReportPorts,
): Promise<void> {
  const { context } = build;
  await stopEagerBegin(build);
  const outcome = await recordOutcome(context.buildId, proposed, ports);
  await finishTrace(build, { outcome, before }, ports);
  if (outcome.state === 'aborted') {
    // Another runner may have a job that GitLab has taken back.
    if (outcome.wasTakenBack !== true) {
      await build.exclusively(() => reportAborted(build, ports));
    }
    ports.metrics.jobEnded(context, outcome);
    return;
  }

  const isDelivered = await build.exclusively(() => deliver(build, outcome, ports));
  ports.metrics.jobEnded(context, outcome);
  if (!isDelivered) return;
  ports.log.info(outcome.state === 'success' ? 'job succeeded' : 'job failed', {
    ...jobFields(context),
    duration_s: (ports.clock.nowMs() - context.receivedAtMs) / 1000,
    ...(outcome.state === 'canceled' && { reason: 'canceled' }),
    ...(outcome.state === 'failed' && {
      failure_reason: outcome.reason,
      exit_code: outcome.exitCode,
      reason: hideSecrets(outcome.message, context),
    }),
  });
}

/**
 * Tries once to report an aborted job as failed. One wrong answer may have aborted it, and GitLab
 * would go on to show it as running. The update has no checksum, because GitLab would wait for the
 * rest of the log.
 */
async function reportAborted(build: LiveBuild, ports: SendPorts): Promise<void> {
  const { context, acknowledged } = build;
  if (!acknowledged.signal.aborted) return;
  try {
    if (!(await holdsLease(build, ports))) return;
    const update = finalState({ state: 'aborted' }, context);
    await ports.coordinator(context.runner).updateJob(credentialsOf(context), update);
  } catch (error) {
    const fields = { ...jobFields(context), reason: errorMessage(error) };
    ports.log.debug('aborted job not reported', fields);
  }
}

interface FinalLines {
  readonly outcome: BuildOutcome;
  readonly before: readonly PlannedStage[];
}

/** Writes the last lines of the trace, and notes that it has them. */
async function finishTrace(
  build: LiveBuild,
  { outcome, before }: FinalLines,
  ports: ReportPorts,
): Promise<void> {
  const { context, trace, finished } = build;
  const isSuccess = outcome.state === 'success';
  if (!isSuccess) await copyUnreadOutput(build, before, ports);
  for (const stage of before) await printStage(build, { stage, attempt: 1, ports });
  await concludeServices(build, ports);
  // Nothing that is still held back may follow the last line.
  await trace.endStreams();
  const line = formatResultLine(outcome);
  if (line !== undefined) await trace.appendOnce('result', line);
  // After the note no output is copied again, so it must be durable before.
  if (!isSuccess) await trace.checkpoint();
  await Promise.all([trace.checkpoint(), FINISHED_NOTE.set(context.buildId, ports)]);
  finished.abort();
}

/**
 * Records the outcome and returns the first one that was recorded, because a build that Temporal
 * has lost meanwhile may get another one. Invariant: GitLab is told the same outcome as the last
 * line of the trace.
 */
async function recordOutcome(
  buildId: string,
  proposed: BuildOutcome,
  ports: NotePorts,
): Promise<BuildOutcome> {
  const decided = await RESULT_NOTE.read(buildId, ports);
  if (decided !== undefined) return decided;
  await RESULT_NOTE.write(buildId, proposed, ports);
  return proposed;
}

/**
 * Copies the output of stages that no process was reading. Skips the helper's output when the lines
 * of the clean-up are printed here, because the clean-up itself may be running in the helper now.
 */
async function copyUnreadOutput(
  { context, trace }: LiveBuild,
  printed: readonly PlannedStage[],
  { builds }: Pick<Ports, 'builds'>,
): Promise<void> {
  // Nothing may follow the last line.
  if (await FINISHED_NOTE.isSet(context.buildId, { builds })) return;
  const isCleaning = printed.some(({ name }) => name === 'cleanup_file_variables');
  for (const place of isCleaning ? (['build'] as const) : (['helper', 'build'] as const)) {
    const { output } = await builds.stageFiles(context.buildId, place);
    await trace.followFile(place, output, AbortSignal.abort());
  }
  await trace.endStreams();
}

/**
 * Sends the whole trace, then the state. Starts again from the first byte when GitLab finds the
 * trace broken. Returns false when GitLab does not accept it.
 */
async function deliver(
  build: LiveBuild,
  outcome: BuildOutcome,
  ports: SendPorts,
): Promise<boolean> {
  const { context, trace } = build;
  const { clock, log } = ports;
  const coordinator = ports.coordinator(context.runner);
  for (let rewinds = 0; ;) {
    await sendRest(build, ports);
    if (!(await holdsLease(build, ports))) return false;
    const update = await finalUpdate(outcome, build, ports);
    const reply = await coordinator.updateJob(credentialsOf(context), update);
    switch (reply.kind) {
      case 'pending':
        await build.waits.during('pending', { what: 'GitLab', status: 202 }, () =>
          clock.sleep(reply.retryAfterMs),
        );
        break;
      case 'trace_invalid':
        rewinds += 1;
        log.warn('GitLab asks for the whole trace again', { ...jobFields(context), rewinds });
        if (rewinds > MAX_REWINDS) return false;
        trace.ackedBytes = 0;
        await clock.sleep(pauseMs(rewinds));
        break;
      case 'job_gone':
        logJobGone(build, reply.status, ports);
        return false;
      case 'conflict':
        return false;
      case 'done':
        return true;
    }
  }
}

/**
 * Sends the rest of the trace, unless GitLab refuses it. The answer to the state will show whether
 * GitLab knows the job.
 */
async function sendRest(build: LiveBuild, ports: SendPorts): Promise<void> {
  const { trace } = build;
  let mismatches = 0;
  while (trace.ackedBytes < trace.sendableBytes) {
    const sent = await sendPatch(build, ports);
    if (sent.kind === 'job_gone' || sent.kind === 'not_found') return;
    mismatches = sent.kind === 'range_mismatch' ? mismatches + 1 : 0;
    // The first mismatch tells the length that GitLab has. When that does not help, GitLab needs
    // time.
    if (mismatches > 1) await ports.clock.sleep(pauseMs(mismatches));
  }
}

function pauseMs(failures: number): number {
  return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
}

async function finalUpdate(
  outcome: BuildOutcome,
  build: LiveBuild,
  ports: NotePorts,
): Promise<JobUpdate> {
  const { context, trace } = build;
  const sums = (await isOwnTrace(build, ports)) ? trace.checksum() : {};
  return { ...finalState(outcome, context), ...sums };
}

function finalState(outcome: BuildOutcome, { job }: BuildContext): JobUpdate {
  if (outcome.state === 'success') return { state: 'success' };
  const supported = job.features.failure_reasons;
  const reason = outcome.state === 'failed' ? outcome.reason : 'job_canceled';
  const exitCode = outcome.state === 'failed' ? outcome.exitCode : undefined;
  return {
    state: 'failed',
    failureReason: wireFailureReason(reason, supported),
    ...(exitCode !== undefined && { exitCode }),
  };
}
