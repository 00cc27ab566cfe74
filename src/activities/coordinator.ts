import { cancellationSignal } from '@temporalio/activity';
import type { BuildOutcome } from '../domain/build/outcome.ts';
import { wireFailureReason } from '../domain/build/failure-reason.ts';
import { formatResultLine } from '../domain/build/result-line.ts';
import { formatHeader } from '../domain/script/titles.ts';
import { buildVariables } from '../domain/job/variables.ts';
import type { Acknowledgement, BuildActivities } from './contract.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { LiveBuild, LiveBuilds } from './live-builds.ts';
import type { JobUpdate, Ports } from './ports.ts';
import { credentialsOf, sendPatch } from './trace.ts';

type CoordinatorActivities = Pick<BuildActivities, 'acknowledgeJob' | 'reportResult'>;

export function createCoordinatorActivities(ports: Ports, live: LiveBuilds): CoordinatorActivities {
  return {
    acknowledgeJob: ({ buildId }) =>
      withHeartbeat(async () => {
        const build = await live.find(buildId);
        if (build === undefined) return 'gone';
        const { trace, context } = build;
        const variables = buildVariables(context, { jobStatus: 'running' });
        await trace.appendOnce('header', formatHeader(context, variables));
        return acknowledge(build, ports);
      }),

    reportResult: ({ buildId }, outcome) =>
      withHeartbeat(async () => {
        const build = await live.find(buildId);
        if (build === undefined) return;
        await build.joined('report', () => report(build, outcome, ports));
      }),
  };
}

async function acknowledge(build: LiveBuild, ports: Ports): Promise<Acknowledgement> {
  const { context } = build;
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
    case 'trace_invalid': // nothing was sent yet: GitLab has the state, and will ask for the trace
      return 'accepted';
    case 'conflict':
      ports.log.warn('job is taken by another runner', { job: context.job.id });
      return 'taken';
    case 'job_gone':
      ports.log.warn('job is gone', { job: context.job.id, status: reply.status });
      return 'gone';
  }
}

async function report(build: LiveBuild, outcome: BuildOutcome, ports: Ports): Promise<void> {
  const { context, trace, sealed } = build;
  const line = formatResultLine(outcome);
  if (line !== undefined) await trace.appendOnce('result', line);
  await trace.endStreams();
  await trace.checkpoint();
  sealed.abort();
  if (outcome.state === 'aborted') return;

  await build.exclusively(() => deliver(build, outcome, ports));
  ports.log.info(outcome.state === 'success' ? 'job succeeded' : 'job failed', {
    job: context.job.id,
    project: context.job.job_info.project_id,
    duration_s: (ports.clock.nowMs() - context.receivedAtMs) / 1000,
    ...(outcome.state === 'failed' && { failure_reason: outcome.reason, exit_code: outcome.exitCode }),
  });
}

/** All of the trace, then the state; from the first byte again when GitLab finds the trace broken. */
async function deliver(build: LiveBuild, outcome: BuildOutcome, ports: Ports): Promise<void> {
  const { context, trace } = build;
  const coordinator = ports.coordinator(context.runner);
  for (;;) {
    while (trace.ackedBytes < trace.sendableBytes) {
      const sent = await sendPatch(build, ports);
      if (sent.kind === 'job_gone') return;
    }
    const update = finalUpdate(outcome, build);
    const reply = await coordinator.updateJob(credentialsOf(context), update);
    switch (reply.kind) {
      case 'pending':
        await ports.clock.sleep(reply.retryAfterMs, cancellationSignal());
        break;
      case 'trace_invalid':
        ports.log.warn('GitLab asks for the whole trace again', { job: context.job.id });
        trace.ackedBytes = 0;
        break;
      case 'done':
      case 'job_gone':
      case 'conflict':
        return;
    }
  }
}

function finalUpdate(outcome: BuildOutcome, { context, trace }: LiveBuild): JobUpdate {
  const sums = trace.checksum();
  if (outcome.state === 'success') return { state: 'success', ...sums };
  const supported = context.job.features.failure_reasons;
  const reason = outcome.state === 'failed' ? outcome.reason : 'unknown_failure';
  const exitCode = outcome.state === 'failed' ? outcome.exitCode : undefined;
  return {
    state: 'failed',
    failureReason: wireFailureReason(reason, supported),
    ...(exitCode !== undefined && { exitCode }),
    ...sums,
  };
}
