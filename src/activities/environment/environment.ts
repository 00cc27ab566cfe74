import { jobFields } from '../../domain/build/job-fields.ts';
import type { PlannedStage } from '../../domain/context/stage.ts';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { formatImageLine, stageTitle } from '../../domain/script/titles.ts';
import {
  formatRunnerLine,
  formatSectionEnd,
  formatSectionStart,
} from '../../domain/trace/sections.ts';
import type { EngineInfo, Ports } from '../../ports/index.ts';
import { stopEagerBegin, takeEagerBegin } from '../build/eager-begin.ts';
import { earlierOrNow } from '../build/earlier.ts';
import { isDiskFull } from '../build/full-disk.ts';
import { withHeartbeat } from '../build/heartbeat.ts';
import { CREATE_CONTAINERS, type LiveBuild, type LiveBuilds } from '../build/live-builds.ts';
import { defineNote, parseNumber, type Note, type NotePorts } from '../build/note.ts';
import type { BuildActivities } from '../contract.ts';
import {
  createEnvironment,
  DESTROY_NOTE,
  planFor,
  type ContainerPorts,
  type PlanPorts,
} from './containers.ts';
import { doubtOnFault } from './early-start.ts';
import { whenDockerAnswers } from './docker-answers.ts';
import { removeObjects } from './remove-objects.ts';
import { FAILED_TRIES } from './restart-services.ts';
import { concludeServices, type ServiceLogPorts } from './service-logs.ts';

type EnvironmentActivities = Pick<BuildActivities, 'prepareEnvironment' | 'destroyEnvironment'>;

export type PreparePorts = ContainerPorts & PlanPorts;
/** What it takes to remove a build's environment. */
export type DestroyPorts = ServiceLogPorts & Pick<Ports, 'clock' | 'sessions'>;
type EnvironmentPorts = DestroyPorts & PreparePorts & Pick<Ports, 'metrics'>;

/**
 * A removal that takes longer than this is given up, and people must remove the rest. The clean-up
 * before the removal has the same limit for itself.
 */
const DESTROY_BUDGET_MS = 5 * 60_000;

/** Runs a clean-up before the environment is removed. */
type CleanUp = (build: LiveBuild, stage: PlannedStage) => Promise<void>;

export function createEnvironmentActivities(
  ports: EnvironmentPorts,
  live: LiveBuilds,
  cleanUp: CleanUp,
): EnvironmentActivities {
  return {
    prepareEnvironment: ({ buildId }) =>
      withHeartbeat(async () => {
        const build = await live.open(buildId);
        if ((await takeEagerBegin(build)) !== 'accepted') await prepareJoined(build, ports);
      }),

    destroyEnvironment: ({ buildId }, stage) =>
      withHeartbeat(async () => {
        const build = await live.find(buildId);
        if (build === undefined) return;
        const cleaning = stage && (() => cleanUp(build, stage));
        await build.joined('destroy', () => destroy(build, ports, cleaning));
      }),
  };
}

/** Prepares the environment, or joins the call that does. */
export async function prepareJoined(
  build: LiveBuild,
  ports: PreparePorts & Pick<Ports, 'metrics'>,
): Promise<void> {
  const at = { stage: 'prepare_executor', executorStage: 'docker_prepare' } as const;
  ports.metrics.stageBegan(build.context, at);
  await doubtOnFault(build, () =>
    build.joined(CREATE_CONTAINERS, () => prepareUntilStopped(build, ports)),
  );
}

/** Prepares until it is stopped. A person may have that tried again, so each try can be stopped. */
async function prepareUntilStopped(build: LiveBuild, ports: PreparePorts): Promise<void> {
  const stopping = new AbortController();
  build.preparing = stopping;
  try {
    const signal = AbortSignal.any([stopping.signal, build.closing.signal]);
    await prepare(build, ports, signal);
  } finally {
    build.preparing = undefined;
  }
}

async function prepare(build: LiveBuild, ports: PreparePorts, signal: AbortSignal): Promise<void> {
  const { context, trace } = build;
  const hasSections = context.job.features.trace_sections;
  const end = async (): Promise<void> => {
    const marker = formatSectionEnd('prepare_executor', ports.clock.nowMs(), hasSections);
    await trace.appendOnce('prepare_executor/end', marker);
  };
  const loss = await build.noticeLoss();
  if (loss !== undefined) throw new FinalError(FailureType.RunnerSystem, loss);
  const start = formatSectionStart('prepare_executor', ports.clock.nowMs(), hasSections);
  await trace.appendOnce('prepare_executor/start', start + stageTitle('prepare_executor'));
  try {
    await prepareOnce(build, ports, signal);
  } catch (error) {
    if (signal.aborted) {
      await end();
      throw notWanted();
    }
    if (error instanceof TransientError) await printTryFailed(build, { error, ports });
    else await end();
    throw error;
  }
  await end();
}

async function prepareOnce(
  build: LiveBuild,
  ports: PreparePorts,
  signal: AbortSignal,
): Promise<void> {
  const { trace } = build;
  assertLinux(await whenDockerAnswers(build, ports, signal));
  const plan = planFor(build, ports);
  await trace.appendOnce('prepare_executor/image', formatImageLine(plan.jobImageName));
  for (const warning of plan.warnings) {
    // Keys are stored unencrypted and must not contain text of the job, so the key is a digest.
    const key = `prepare_executor/warning/${ports.digests.sha256Hex(warning)}`;
    await trace.appendOnce(key, formatRunnerLine('warning', warning));
  }
  await createEnvironment(build, { plan, ports, signal });
}

/**
 * Throws when Docker runs no Linux containers. gitlab-runner supports other systems too. Source:
 * gitlab-runner `executors/docker/docker.go` (validateOSType).
 */
function assertLinux({ name, osType }: EngineInfo): void {
  if (osType === 'linux') return;
  throw new FinalError(
    FailureType.RunnerSystem,
    `unsupported os type: Docker on "${name}" runs containers of ${osType}, this runner needs linux`,
  );
}

/** The fault is final, because another try would create containers after the clean-up. */
function notWanted(): FinalError {
  return new FinalError(FailureType.RunnerSystem, 'the preparation was stopped');
}

/** Source: gitlab-runner `common/build.go` (retryCreateExecutor). */
async function printTryFailed(
  { context, trace }: LiveBuild,
  { error, ports }: { error: TransientError; ports: NotePorts },
): Promise<void> {
  const tries = await FAILED_TRIES.increment(context.buildId, ports);
  await trace.appendOnce(
    `prepare_executor/failed/${tries}`,
    formatRunnerLine('error', `Preparation failed: ${error.message}`) +
      formatRunnerLine('info', 'Will be retried in 3s ...'),
  );
}

/**
 * Removes the build's objects in Docker, after `cleanUp`, which may need them. Throws
 * TransientError while Docker does not remove them.
 */
export async function destroy(
  build: LiveBuild,
  ports: DestroyPorts,
  cleanUp?: () => Promise<void>,
): Promise<void> {
  const { context } = build;
  const { log } = ports;
  ports.sessions.end(context.buildId, 'The job has ended.');
  // Work in progress must complete, because nobody could find its results otherwise.
  await stopEagerBegin(build);
  await cleanUpFirst(build, ports, cleanUp);
  // From here on nothing is created. Before this, the clean-up may have created a lost container
  // again.
  const isOver = await startBudget(build, DESTROY_NOTE, ports).catch((error: unknown) => {
    // Only the removal may make room for the note. This process creates nothing any more even
    // without it, and a removal that is never over is tried again.
    if (isDiskFull(error)) return () => false;
    throw error;
  });
  await build.settled(CREATE_CONTAINERS);

  // The output of the services is lost with their containers.
  await concludeServices(build, ports).catch((error: unknown) => {
    log.warn('services not concluded', { ...jobFields(context), error });
  });

  const failures = await removeObjects(ports.engine(context.runner), context.buildId, {
    keepsVolumes: context.runner.docker.volumeKeep,
  });
  if (failures.length === 0) return;
  const passing = failures.find((failure) => failure instanceof TransientError);
  if (passing !== undefined && !isOver()) throw passing;
  for (const error of failures) {
    log.error('something of a build is left in Docker', { ...jobFields(context), error });
  }
}

/** When the clean-up before a removal was first tried, in milliseconds. */
const CLEANUP_NOTE = defineNote('last cleanup', parseNumber);

/**
 * Cleans up. Throws TransientError while Docker does not answer and there is time left. On a full
 * disk nothing is cleaned up, because a stage cannot be noted, and the removal must not wait.
 */
async function cleanUpFirst(
  build: LiveBuild,
  ports: DestroyPorts,
  cleanUp: (() => Promise<void>) | undefined,
): Promise<void> {
  if (cleanUp === undefined) return;
  const warn = (error: unknown): void => {
    ports.log.warn('clean-up of a build failed', { ...jobFields(build.context), error });
  };
  try {
    const isOver = await startBudget(build, CLEANUP_NOTE, ports);
    await cleanUp().catch((error: unknown) => {
      if (error instanceof TransientError && !isOver()) throw error;
      warn(error);
    });
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    warn(error);
  }
}

/** Notes when something was first tried. Returns a function that tells whether its time is over. */
async function startBudget(
  { context: { buildId } }: LiveBuild,
  note: Note<number>,
  ports: NotePorts & Pick<Ports, 'clock'>,
): Promise<() => boolean> {
  const { clock } = ports;
  const noted = await note.read(buildId, ports);
  const sinceMs = earlierOrNow(noted, clock);
  if (noted !== sinceMs) await note.write(buildId, sinceMs, ports);
  return () => clock.monotonicMs() - sinceMs > DESTROY_BUDGET_MS;
}
