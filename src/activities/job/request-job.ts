import { cancellationSignal, heartbeat } from '@temporalio/activity';
import type { BuildContext } from '../../domain/context/context.ts';
import { hideSecrets } from '../../domain/build/hide-secrets.ts';
import { withInputs } from '../../domain/build/inputs.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import { jobKey } from '../../domain/build/job-key.ts';
import { planStages } from '../../domain/build/plan.ts';
import type { FailoverPlan } from '../../domain/context/failover.ts';
import { summarizeJob, type JobView } from '../../domain/build/summary.ts';
import { nodeNameOf } from '../../domain/runner/node-name.ts';
import { checkJob } from '../../domain/job/check-job.ts';
import {
  emptyPayload,
  parseJobIdentity,
  parseJobPayload,
  type JobIdentity,
} from '../../domain/job/parse-payload.ts';
import type { JobImage, JobPayload } from '../../domain/job/payload.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { SessionOffer } from '../../domain/session/session.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import { nextRequestAtMs } from '../../domain/runner/fleet.ts';
import { buildIdOf } from '../../domain/context/names.ts';
import type { JobRequest, SlotActivities, JobRequestOutcome } from '../contract.ts';
import { createDockerCheck } from '../environment/docker-answers.ts';
import { createEndedBuilds, type EndedBuilds } from '../build/ended-builds.ts';
import { withHeartbeat } from '../build/heartbeat.ts';
import type { BuildDraft, CapacityPermit, JobReply, Ports } from '../../ports/index.ts';

/** A call that finds no room within this time ends, because another node may have some. */
const ROOM_WAIT_MS = 2_000;
/**
 * A GitLab that has not answered by then may be overloaded, so another runner gets the place
 * meanwhile.
 */
const LEND_AFTER_MS = 5_000;
/** How often to check whether Temporal is back. */
const AWAY_PAUSE_MS = 500;
/**
 * Temporal gives a call up half a minute after its last heartbeat, and heartbeats are at most seven
 * seconds apart. So a call that Temporal has heard of within this time is not given up yet.
 */
const HEARD_MS = 20_000;

type JobOffer = Extract<JobReply, { kind: 'job' }>;

export type ViewPorts = Pick<Ports, 'visibility' | 'nodeQueue'>;
export type FailoverPorts = Pick<Ports, 'encryptedJobs' | 'nodeWaitMs'>;
type DraftPorts = Pick<Ports, 'clock' | 'digests' | 'program' | 'randomness' | 'systemId'>;
/** What one request to GitLab needs, and the record of the job that GitLab answers with. */
type OfferPorts = DraftPorts &
  FailoverPorts &
  ViewPorts &
  Pick<Ports, 'builds' | 'coordinator' | 'log' | 'metrics' | 'sessions'>;
type RequestPorts = OfferPorts & Pick<Ports, 'capacity' | 'config' | 'temporalHealth'>;
type SlotPorts = RequestPorts & Pick<Ports, 'engine'>;

export function createSlotActivities(
  ports: SlotPorts,
  ended: EndedBuilds = createEndedBuilds(),
): SlotActivities {
  const hasDocker = createDockerCheck(ports);
  return {
    requestJob: (request) =>
      withHeartbeat(() => runJobRequest(request, { ports, hasDocker, ended })),
  };
}

interface JobRequestScope {
  readonly ports: RequestPorts;
  readonly hasDocker: (runner: RunnerConfig) => Promise<boolean>;
  readonly ended: EndedBuilds;
}

async function runJobRequest(
  request: JobRequest,
  { ports, hasDocker, ended }: JobRequestScope,
): Promise<JobRequestOutcome> {
  const { clock, config } = ports;
  const endMs = clock.monotonicMs() + request.durationMs;
  let isAlone = request.askAtOnce;
  let heardAtMs = clock.monotonicMs();
  let noJob: JobRequestOutcome = { kind: 'no_job' };
  for (;;) {
    const runner = config.runner(request.runnerKey);
    if (runner === undefined) return { kind: 'unknown_runner' };
    if (!ended.take(request.runnerKey) && !isAlone) {
      const nowMs = clock.nowMs();
      const waitMs = nextRequestAtMs(nowMs, request) - nowMs;
      if (clock.monotonicMs() + waitMs > endMs) return noJob;
      await untilTick(waitMs, request.runnerKey, { ports, ended });
    }
    isAlone = false;
    if (!(await hasDocker(runner))) {
      ports.metrics.requestSkipped(runner);
      // The call ends, because another node may have a Docker that answers.
      await clock.sleep(ROOM_WAIT_MS, cancellationSignal());
      return { kind: 'no_job', wait: 'docker' };
    }
    const permit = await findRoom(ports, cancellationSignal());
    if (permit === undefined) {
      ports.metrics.requestSkipped(runner);
      return { kind: 'no_job', wait: 'place' };
    }
    try {
      if (await ports.temporalHealth.isThere()) {
        heardAtMs = clock.monotonicMs();
        const reply = await ask(request, { runner, permit, ports });
        if (reply.kind !== 'no_job') return reply;
        noJob = reply;
        continue;
      }
    } finally {
      permit.release();
    }
    ports.metrics.requestSkipped(runner);
    await whenThere(ports);
    // Temporal would not take the answer of a call that it has given up, and makes another one.
    if (clock.monotonicMs() - heardAtMs > HEARD_MS) return { kind: 'no_job', wait: 'temporal' };
    heartbeat();
    isAlone = true;
  }
}

/**
 * Waits for the next due time. Ends early when a build of the runner has ended here, because its
 * place is free for another job.
 */
async function untilTick(
  waitMs: number,
  runnerKey: string,
  { ports, ended }: Pick<JobRequestScope, 'ended'> & { readonly ports: Pick<Ports, 'clock'> },
): Promise<void> {
  const cancellation = cancellationSignal();
  const over = new AbortController();
  const hasEnded = ended.next(runnerKey, over.signal);
  const sleeping = ports.clock.sleep(waitMs, AbortSignal.any([cancellation, over.signal]));
  try {
    await Promise.race([sleeping, hasEnded]);
    ended.take(runnerKey);
  } finally {
    over.abort();
    await sleeping.catch(() => undefined);
  }
  cancellation.throwIfAborted();
}

async function whenThere({
  temporalHealth,
  clock,
}: Pick<Ports, 'temporalHealth' | 'clock'>): Promise<void> {
  do await clock.sleep(AWAY_PAUSE_MS, cancellationSignal());
  while (!(await temporalHealth.isThere()));
}

/** Reserves a place for one more build. Returns undefined when none is free within a moment. */
export async function findRoom(
  { capacity, clock }: Pick<Ports, 'capacity' | 'clock'>,
  signal: AbortSignal,
): Promise<CapacityPermit | undefined> {
  const limit = new AbortController();
  const answered = new AbortController();
  const expire = (): void => {
    limit.abort();
  };
  void clock.sleep(ROOM_WAIT_MS, answered.signal).then(expire, () => undefined);
  try {
    return await capacity.acquire(AbortSignal.any([limit.signal, signal]));
  } catch (error) {
    if (limit.signal.aborted) return undefined;
    throw error;
  } finally {
    answered.abort();
  }
}

interface OpenJobRequest {
  readonly runner: RunnerConfig;
  readonly permit: CapacityPermit;
  readonly ports: OfferPorts;
}

interface OfferedJobRequest extends OpenJobRequest {
  /** The web terminal that the job will have. */
  readonly session: SessionOffer | undefined;
}

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
      return (await record(reply, { ...input, session })) ?? { kind: 'no_job' };
  }
}

/** Sends the request. GitLab may hold it open only when nobody else needs its place. */
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

/**
 * Records the job that GitLab has handed out. Nothing foreseeable may fail between GitLab's 201 and
 * the durable record, because the job exists only here. Invariant: the place is kept before
 * anything is awaited after the record.
 */
async function record(
  offer: JobOffer,
  { runner, permit, ports, session }: OfferedJobRequest,
): Promise<JobRequestOutcome | undefined> {
  const identity = parseJobIdentity(offer.payload);
  if (identity === undefined) {
    ports.log.error('GitLab handed out a job without id or token: it cannot even be refused', {
      ...{ runner: runner.key, runner_name: runner.name, url: runner.url },
    });
    return undefined;
  }
  const { job, rejection } = readPayload(offer.payload, identity);
  let context: BuildContext;
  try {
    context =
      (await findUnkeyed(job, { runner, ports })) ??
      (await ports.builds.create(draftOf(offer, { job, rejection, runner, ports, session })));
  } catch (error) {
    await refuse(job, { runner, ports, error });
    return undefined;
  }
  permit.keepFor(context.buildId);
  ports.metrics.jobReceived(context);
  const plan = planStages(context, buildVariables(context, { jobStatus: 'running' }));
  ports.log.info('job received', {
    ...jobFields(context),
    correlation_id: offer.correlationId,
  });
  logImages(context, ports);
  const summary = summarizeJob(context, plan, viewOf(ports));
  return {
    kind: 'job',
    job: summary,
    nodeQueue: ports.nodeQueue,
    ...failoverPlanOf(context, ports),
  };
}

/** Finds a build of release 0.1.0 that still runs here when GitLab hands out its job again. */
async function findUnkeyed(
  job: JobPayload,
  { runner, ports: { builds, digests } }: Pick<OpenJobRequest, 'runner' | 'ports'>,
): Promise<BuildContext | undefined> {
  const known = await builds.read(buildIdOf(runner.url, job.id));
  if (known === undefined) return undefined;
  return jobKey(digests, known.job) === jobKey(digests, job) ? known : undefined;
}

/** Returns what of a job may be seen in Temporal, and by which name this node is known there. */
export function viewOf({ visibility, nodeQueue }: ViewPorts): JobView {
  const { showsNames, hashName } = visibility;
  const hasAttributes = visibility.hasAttributes();
  return { showsNames, hashName, hasAttributes, node: nodeNameOf(nodeQueue) };
}

/**
 * Returns the plan for a failover. Without one the build stays on this node, even when the node is
 * lost.
 */
export function failoverPlanOf(
  context: BuildContext,
  { encryptedJobs, nodeWaitMs }: FailoverPorts,
): { readonly rescue?: FailoverPlan } {
  const encrypted = encryptedJobs.encrypt(context);
  return encrypted === undefined ? {} : { rescue: { ...encrypted, waitMs: nodeWaitMs } };
}

/** Source: gitlab-runner FF_LOG_IMAGES_CONFIGURED_FOR_JOB (logUsedImages). */
function logImages(context: BuildContext, { log }: Pick<Ports, 'log'>): void {
  const { featureFlags, expand } = buildVariables(context, { jobStatus: 'running' });
  if (!featureFlags.isOn('FF_LOG_IMAGES_CONFIGURED_FOR_JOB')) return;
  const { image, services } = context.job;
  const facts = ({ name, executor_opts }: JobImage) => {
    const platform = expand(executor_opts.docker.platform);
    return {
      ...jobFields(context),
      image_name: hideSecrets(expand(name), context),
      ...(platform !== '' && { image_platform: platform }),
    };
  };
  if (image.name !== '') log.info('Image configured for job', facts(image));
  for (const service of services) log.info('Service image configured for job', facts(service));
}

interface Draft {
  readonly job: JobPayload;
  readonly rejection: string | undefined;
  readonly runner: RunnerConfig;
  readonly ports: DraftPorts;
  readonly session: SessionOffer | undefined;
}

function draftOf(offer: JobOffer, { job, rejection, runner, ports, session }: Draft): BuildDraft {
  return withInputs({
    buildId: buildIdOf(runner.url, job.id, jobKey(ports.digests, job)),
    job,
    rejection,
    runner,
    systemId: ports.systemId,
    entropy: ports.randomness.hex(8),
    correlationId: offer.correlationId,
    tlsCaPem: offer.tlsCaPem,
    tlsCertPem: offer.tlsCertPem,
    tlsKeyPem: offer.tlsKeyPem,
    receivedAtMs: ports.clock.nowMs(),
    receivedMonotonicMs: ports.clock.monotonicMs(),
    program: ports.program,
    ...(session !== undefined && { session: { id: session.id, token: session.token } }),
  });
}

interface Refusal {
  readonly runner: RunnerConfig;
  readonly ports: Pick<Ports, 'coordinator' | 'log' | 'metrics'>;
  /** Why the job was not recorded. */
  readonly error: unknown;
}

/**
 * Fails a job that cannot be recorded (for example because the disk is full) at once, because
 * nobody could run it.
 */
async function refuse(job: JobPayload, { runner, ports, error }: Refusal): Promise<void> {
  const { coordinator, log, metrics } = ports;
  const fields = jobFields({ job, runner });
  metrics.jobRefused(runner);
  log.error('job not recorded in the state directory, so it is not run', { ...fields, error });
  try {
    await coordinator(runner).updateJob(
      { jobId: job.id, token: job.token },
      { state: 'failed', failureReason: 'runner_system_failure' },
    );
  } catch (failure) {
    log.error('job not run and GitLab not informed: the job ends by its time-out', {
      ...fields,
      error: failure,
    });
  }
}

/**
 * Parses the payload. A payload that makes no sense still belongs to a job, which must fail with a
 * clear message.
 */
function readPayload(
  json: unknown,
  identity: JobIdentity,
): { job: JobPayload; rejection: string | undefined } {
  try {
    const job = parseJobPayload(json);
    return { job, rejection: checkJob(job) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { job: emptyPayload(identity), rejection: message };
  }
}
