import type { BuildContext } from '../../domain/context/context.ts';
import { canBeginInOneCall } from '../../domain/build/begin-in-one-call.ts';
import { hideSecrets } from '../../domain/build/hide-secrets.ts';
import { withInputs, type DraftWithInputs } from '../../domain/build/inputs.ts';
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
import { buildIdOf } from '../../domain/context/names.ts';
import { errorMessage } from '../../domain/error-message.ts';
import type { JobRequestOutcome } from '../contract.ts';
import type { CapacityPermit, JobReply, Ports } from '../../ports/index.ts';

type JobOffer = Extract<JobReply, { kind: 'job' }>;

export type ViewPorts = Pick<Ports, 'visibility' | 'nodeQueue'>;
export type FailoverPorts = Pick<Ports, 'encryptedJobs' | 'nodeWaitMs'>;
type DraftPorts = Pick<Ports, 'clock' | 'digests' | 'program' | 'randomness' | 'systemId'>;
/** What one request to GitLab needs, and the record of the job that GitLab answers with. */
export type OfferPorts = DraftPorts &
  FailoverPorts &
  ViewPorts &
  Pick<Ports, 'builds' | 'coordinator' | 'log' | 'metrics' | 'sessions'>;

export interface OfferedJobRequest {
  readonly runner: RunnerConfig;
  readonly permit: CapacityPermit;
  readonly ports: OfferPorts;
  /** The web terminal that the job will have. */
  readonly session: SessionOffer | undefined;
  /** The workflow that asks. */
  readonly runnerWorkflowId: string | undefined;
  readonly begin: BeginBuild;
}

/** Begins a build that was recorded, while its workflow is started. Returns at once. */
export type BeginBuild = (buildId: string) => void;

/**
 * Records the job that GitLab has handed out. Nothing foreseeable may fail between GitLab's 201 and
 * the durable record, because the job exists only here. Invariant: the slot is kept before
 * anything is awaited after the record.
 */
export async function recordJob(
  offer: JobOffer,
  { permit, session, begin, ...asked }: OfferedJobRequest,
): Promise<JobRequestOutcome | undefined> {
  const { runner, ports } = asked;
  const identity = parseJobIdentity(offer.payload);
  if (identity === undefined) {
    ports.log.error('GitLab handed out a job without id or token: it cannot even be refused', {
      ...{ runner: runner.key, runner_name: runner.name, url: runner.url },
    });
    return undefined;
  }
  const { job, rejection } = readPayload(offer.payload, identity);
  let context: BuildContext;
  let isNew: boolean;
  try {
    const { draft, interpolations } = draftOf(offer, { job, rejection, session, ...asked });
    const unkeyed = await findUnkeyed(job, { runner, ports });
    isNew = unkeyed === undefined && (await ports.builds.read(draft.buildId)) === undefined;
    context = unkeyed ?? (await ports.builds.create(draft));
    if (isNew) ports.metrics.inputsInterpolated(interpolations);
  } catch (error) {
    await refuse(job, { runner, ports, error });
    return undefined;
  }
  permit.keepFor(context.buildId, context.runner.key);
  ports.metrics.jobReceived(context);
  const plan = planStages(context, buildVariables(context, { jobStatus: 'running' }));
  ports.log.info('job received', {
    ...jobFields(context),
    correlation_id: offer.correlationId,
  });
  logImages(context, ports);
  const summary = summarizeJob(context, plan, viewOf(ports));
  // A job that GitLab hands out again has begun already.
  if (isNew && canBeginInOneCall(summary)) begin(context.buildId);
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
  { runner, ports: { builds, digests } }: Pick<OfferedJobRequest, 'runner' | 'ports'>,
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
  readonly runnerWorkflowId: string | undefined;
}

function draftOf(
  offer: JobOffer,
  { job, rejection, runner, ports, session, runnerWorkflowId }: Draft,
): DraftWithInputs {
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
    ...(runnerWorkflowId !== undefined && { runnerWorkflowId }),
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
    return { job: emptyPayload(identity), rejection: errorMessage(error) };
  }
}
