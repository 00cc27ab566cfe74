import { errorMessage } from '../../domain/error-message.ts';
import { hasEndedFromOutside, isAlive } from '../../domain/executor/container-state.ts';
import type { EnvironmentPlan } from '../../domain/executor/environment.ts';
import {
  checkNameOf,
  checkSpec,
  linesOfService,
  readAnswers,
  sharesNetworkStack,
  type CheckTarget,
} from '../../domain/executor/service-check.ts';
import { isDockerAway, TransientError } from '../../domain/failure.ts';
import { formatServiceWarning } from '../../domain/script/service-warning.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import type { ContainerEngine, ContainerStatus } from '../../ports/index.ts';
import { earlierOrNow } from '../build/earlier.ts';
import { assertLease } from '../build/lease.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineNote, parseFlag, parseNumber } from '../build/note.ts';
import type { StartedService, ServicePorts } from './services.ts';

export interface ServiceWait {
  readonly plan: EnvironmentPlan;
  readonly services: readonly StartedService[];
  /** The helper image, for the container of the check. */
  readonly helperImage: string;
  readonly ports: ServicePorts;
  /** Ends the wait, because the job is no longer wanted. */
  readonly signal: AbortSignal;
}

const BEGUN_NOTE = defineNote('services-wait', parseNumber);
/** Whether the services need no wait any more. */
const DONE_NOTE = defineNote('services-waited', parseFlag);
/** Source: gitlab-runner `executors/docker/docker.go` (ServiceLogOutputLimit). */
const MAX_LOG_BYTES = 64 * 1024;
/** How long to wait for the output of a service that does not listen. */
const MAX_WORDS_WAIT_MS = 10_000;
const LOOK_AGAIN_MS = 500;
/** A passing fault at the end of the time does not cost the answers that are there. */
const MIN_TRIES = 3;

/**
 * Waits until all services listen, at most for the configured time. Never fails the job: a service
 * that does not listen gets a warning with its log. Source: gitlab-runner
 * `executors/docker/services.go` (waitForServices).
 */
export async function waitForServices(build: LiveBuild, wait: ServiceWait): Promise<void> {
  const { services, ports, signal } = wait;
  const { buildId, runner } = build.context;
  const seconds = runner.docker.services.waitTimeoutSeconds;
  const isDone = (await DONE_NOTE.read(buildId, ports)) === true;
  if (seconds < 0 || services.length === 0 || isDone) return;

  const words = `Waiting for services to be up and running (timeout ${seconds} seconds)...`;
  await build.trace.appendOnce('services/wait', formatRunnerLine('plain', words));
  const sinceMs = earlierOrNow(await BEGUN_NOTE.read(buildId, ports), ports.clock);
  await BEGUN_NOTE.write(buildId, sinceMs, ports);
  const deadlineMs = sinceMs + seconds * 1000;

  const look = await build.waits.during('services', { what: 'its services to listen' }, () =>
    lookAtServices(build, { ...wait, deadlineMs }),
  );
  await Promise.all(
    services
      .filter(({ index }) => !look.answers.has(index))
      .map((service) => warn(build, { ...wait, service, look, deadlineMs })),
  );
  signal.throwIfAborted();
  await DONE_NOTE.write(buildId, true, ports);
}

/** Makes the next wait a new one, because services are started again. */
export async function forgetServiceWait(
  { context }: LiveBuild,
  ports: ServicePorts,
): Promise<void> {
  const { buildId, runner } = context;
  await DONE_NOTE.write(buildId, false, ports);
  await BEGUN_NOTE.write(buildId, ports.clock.monotonicMs(), ports);
  // One that is left has the answers of the former wait.
  await ports.engine(runner).removeContainer(checkNameOf(context));
}

/** Whether services were started again and not waited for since. */
export async function isWaitOpen(
  { context: { buildId } }: LiveBuild,
  ports: Pick<ServicePorts, 'builds'>,
): Promise<boolean> {
  return (await DONE_NOTE.read(buildId, ports)) === false;
}

interface TimedWait extends ServiceWait {
  readonly deadlineMs: number;
}

/** The result of checking all services. */
interface Look {
  readonly answers: ReadonlySet<number>;
  /** Services that have ended during the check. */
  readonly ends: ReadonlyMap<number, ContainerStatus>;
  /** The output of the check's container. */
  readonly output: string;
  /** Why the check itself failed, if it did. */
  readonly fault: string | undefined;
}

/** Docker was restarted during the check, which has ended services. */
class ServicesLost extends TransientError {}

const NOTHING_SEEN: Look = { answers: new Set(), ends: new Map(), output: '', fault: undefined };

/**
 * Checks all services. A passing fault of Docker is waited for, as long as there is time. Throws
 * TransientError when Docker has ended services, or is away when the time is over: the next try to
 * prepare the environment starts them again.
 */
async function lookAtServices(build: LiveBuild, wait: TimedWait): Promise<Look> {
  const { services, signal, ports, deadlineMs } = wait;
  const targets = services.flatMap((service) => targetOf(service, networkModeOf(build, wait)));
  if (targets.length === 0) return NOTHING_SEEN;
  for (let tries = 1; ; tries += 1) {
    // A failure of this is no failure of the check: the preparation's next try goes on with the wait.
    await assertLease(build, ports);
    try {
      return await lookOnce(build, wait, targets);
    } catch (error) {
      signal.throwIfAborted();
      const isTimeLeft = tries < MIN_TRIES || ports.clock.monotonicMs() < deadlineMs;
      if (error instanceof ServicesLost || (!isTimeLeft && isDockerAway(error))) throw error;
      if (!(error instanceof TransientError) || !isTimeLeft) {
        return { ...NOTHING_SEEN, fault: errorMessage(error) };
      }
      await ports.clock.sleep(LOOK_AGAIN_MS, signal);
    }
  }
}

async function lookOnce(
  build: LiveBuild,
  wait: TimedWait,
  targets: readonly CheckTarget[],
): Promise<Look> {
  const engine = wait.ports.engine(build.context.runner);
  const check = await startCheck(build, wait, targets);
  const { end, ...look } = await watchCheck({ ...wait, engine, check, targets });
  if (end === undefined || !hasEndedFromOutside(end)) {
    // A container that is left here is removed with the environment.
    await engine.removeContainer(check).catch(() => undefined);
    return look;
  }
  // The next look must not find this one.
  await engine.removeContainer(check);
  const ids = wait.services.map(({ containerId }) => containerId);
  const statuses = await Promise.all(ids.map((id) => engine.inspectContainer(id)));
  if (!statuses.every((status) => status !== undefined && isAlive(status))) {
    throw new ServicesLost('Docker was restarted, which has ended services');
  }
  if (targets.every(({ index }) => look.answers.has(index))) return look;
  throw new TransientError('the container that checks the services was ended from outside');
}

function networkModeOf({ context }: LiveBuild, { plan }: ServiceWait): string {
  return plan.network?.name ?? context.runner.docker.networkMode;
}

function targetOf(
  { index, addresses, ports }: StartedService,
  networkMode: string,
): readonly CheckTarget[] {
  const host = sharesNetworkStack(networkMode) ? '127.0.0.1' : addresses[0];
  return host === undefined || ports.length === 0 ? [] : [{ index, host, ports }];
}

/**
 * Starts the container of the check, or finds the one that another process has started. Returns its
 * id.
 */
async function startCheck(
  build: LiveBuild,
  { plan, helperImage, ports }: ServiceWait,
  targets: readonly CheckTarget[],
): Promise<string> {
  const { context } = build;
  const engine = ports.engine(context.runner);
  const input = { context, network: plan.network };
  const id = await engine.createContainer(checkSpec(input, { image: helperImage, targets }));
  const status = await engine.inspectContainer(id);
  if (status?.state !== 'created') return id;
  try {
    await engine.startContainer(id);
  } catch (error) {
    // Docker may never start it any more ("task … already exists"), but another one.
    await engine.removeContainer(id).catch(() => undefined);
    throw error;
  }
  return id;
}

interface Watching extends TimedWait {
  readonly engine: ContainerEngine;
  readonly check: string;
  readonly targets: readonly CheckTarget[];
}

/**
 * Returns when each service has answered or ended, when the time is over, or when the job is no
 * longer wanted. `end`: the check's own end, if it has ended by then.
 */
async function watchCheck(
  watching: Watching,
): Promise<Look & { readonly end: ContainerStatus | undefined }> {
  const { engine, check, targets, services, ports, deadlineMs, signal } = watching;
  const over = new AbortController();
  const either = AbortSignal.any([over.signal, signal]);
  const ends = new Map<number, ContainerStatus>();
  const endOf = async ({ index, containerId }: StartedService): Promise<void> => {
    ends.set(index, await engine.waitForExit(containerId, either));
    // The check continues when only some services have ended.
    while (!either.aborted) {
      // A log that cannot be read now is read again.
      const answers = readAnswers(await readLog(engine, check).catch(() => ''));
      const isOver = targets.every(({ index: other }) => answers.has(other) || ends.has(other));
      // A restart of Docker, which ends services too, ends the check a moment later.
      await ports.clock.sleep(LOOK_AGAIN_MS, either);
      if (isOver) over.abort();
    }
  };
  const checked = engine.waitForExit(check, either);
  const ending = [
    checked,
    ports.clock.sleep(Math.max(0, deadlineMs - ports.clock.monotonicMs()), either),
  ].map((end) => end.finally(() => over.abort()));
  // Only the services' answers count, whatever the check's own end is.
  await Promise.allSettled([...ending, ...services.map(endOf)]);
  signal.throwIfAborted();
  const output = await readLog(engine, check);
  const end = await checked.catch(() => undefined);
  return { answers: readAnswers(output), ends, output, fault: undefined, end };
}

async function readLog(engine: ContainerEngine, container: string): Promise<string> {
  return textOf(await engine.readLogs(container, { maxBytes: 1024 * 1024 }));
}

function textOf(frames: Awaited<ReturnType<ContainerEngine['readLogs']>>): string {
  const decoder = new TextDecoder();
  const parts = frames.map(({ bytes }) => decoder.decode(bytes, { stream: true }));
  return parts.join('') + decoder.decode();
}

interface Warning extends TimedWait {
  readonly service: StartedService;
  readonly look: Look;
}

async function warn(build: LiveBuild, warning: Warning): Promise<void> {
  const { service, look } = warning;
  const { index, containerName } = service;
  const log = await waitForWords(build, warning);
  const text = formatServiceWarning({
    containerName,
    error: errorOf(warning),
    checkLog: look.output === '' ? undefined : linesOfService(look.output, index),
    serviceLog: log.trim(),
  });
  await build.trace.appendOnce(`services/${index}/warning`, text);
}

function errorOf({ service, look }: Warning): string {
  const { index, containerName, ports } = service;
  const end = look.ends.get(index);
  if (ports.length === 0) return `service "${containerName}" has no exposed ports`;
  if (look.fault !== undefined) return look.fault;
  if (end !== undefined) {
    const why = end.oomKilled ? ' (OOM killed: it used up its memory)' : '';
    return `service "${containerName}" has ended with exit code ${end.exitCode}${why}`;
  }
  if (look.output === '') return `service "${containerName}" has no address in its network`;
  return `service "${containerName}-wait-for-service" timeout`;
}

/** Returns the service's output, as soon as there is some and it has paused. */
async function waitForWords(build: LiveBuild, warning: Warning): Promise<string> {
  const { service, look, ports, deadlineMs, signal } = warning;
  const engine = ports.engine(build.context.runner);
  const endMs = Math.min(deadlineMs, ports.clock.monotonicMs() + MAX_WORDS_WAIT_MS);
  for (let before = ''; ;) {
    const log = await readServiceLog(engine, service.containerId);
    const isAll = (log !== '' && log === before) || look.ends.has(service.index);
    const leftMs = endMs - ports.clock.monotonicMs();
    if (isAll || leftMs <= 0 || signal.aborted) return log;
    before = log;
    await ports.clock.sleep(Math.min(leftMs, 1_000), signal).catch(() => undefined);
  }
}

async function readServiceLog(engine: ContainerEngine, id: string): Promise<string> {
  try {
    return textOf(await engine.readLogs(id, { maxBytes: MAX_LOG_BYTES, timestamps: true }));
  } catch (error) {
    return errorMessage(error);
  }
}
