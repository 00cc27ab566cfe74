import { afterScriptWarning } from '../domain/build/after-script-warning.ts';
import type { TransferPorts } from './files/transfer-run.ts';
import type { BuildContext } from '../domain/context/context.ts';
import { systemFailure, type StageOutcome } from '../domain/context/outcome.ts';
import { parseStageOutcome } from '../domain/context/parse-outcome.ts';
import type { StageName, StagePlace } from '../domain/context/stage.ts';
import { isAlive } from '../domain/executor/container-state.ts';
import { containerNamesOf, type ContainerPlace } from '../domain/executor/environment.ts';
import { awaitsScriptAtStart, runsStageLoop } from '../domain/executor/waiting-container.ts';
import { FinalError } from '../domain/failure.ts';
import { formatRunnerLine } from '../domain/trace/sections.ts';
import { buildVariables } from '../domain/variables/variables.ts';
import type { ContainerStatus, Ports } from '../ports/index.ts';
import { stageKey, withContainer } from './build/container-stage.ts';
import { addLines, giveUpForFullDisk, isDiskFull, isStillFull } from './build/full-disk.ts';
import { withHeartbeat } from './build/heartbeat.ts';
import { assertLease } from './build/lease.ts';
import type { LiveBuild, LiveBuilds, RunningStage } from './build/live-builds.ts';
import { defineNote } from './build/note.ts';
import { sectionLinesOf, printStage } from './build/stage-lines.ts';
import { getSources } from './container-stage/get-sources.ts';
import { doubtOnFault } from './environment/early-start.ts';
import { runWithAttempts } from './container-stage/section-attempts.ts';
import type { BuildActivities, StageRequest, StopRequest } from './contract.ts';
import { followServices } from './environment/service-logs.ts';
import { waitForTerminal, type TerminalPorts } from './terminal/terminal-wait.ts';
import { transferFiles } from './transfer.ts';

type StagePorts = TransferPorts & TerminalPorts;
type StopPorts = Pick<Ports, 'builds' | 'engine'>;
type StageActivities = Pick<BuildActivities, 'runStage' | 'stopStage'>;

export function createStageActivities(ports: StagePorts, live: LiveBuilds): StageActivities {
  return {
    runStage: ({ buildId }, request) =>
      withHeartbeat(async () => {
        const build = await live.open(buildId);
        const key = stageKey({ name: request.stage.name, attempt: request.attempt });
        return build.joined(key, () => runCounted(build, { key, request, ports }));
      }),

    stopStage: ({ buildId }, request) =>
      withHeartbeat(async () => {
        const build = await live.find(buildId);
        if (build !== undefined) await stop(build, request, ports);
      }),
  };
}

interface StageRun {
  readonly key: string;
  readonly request: StageRequest;
  readonly ports: StagePorts;
}

async function runCounted(build: LiveBuild, run: StageRun): Promise<StageOutcome> {
  const { name: stage, place } = run.request.stage;
  const executorStage = place === 'runner' ? 'docker_prepare' : 'docker_run';
  const at = { stage, executorStage, isMeasured: true } as const;
  const end = run.ports.metrics.stageBegan(build.context, at);
  try {
    return await doubtOnFault(build, () => runStage(build, run));
  } finally {
    end();
  }
}

async function runStage(build: LiveBuild, run: StageRun): Promise<StageOutcome> {
  const { context, trace } = build;
  const { key, request, ports } = run;
  for (const stage of request.before ?? []) {
    await addLines(build, () => printStage(build, { stage, attempt: 1, ports }));
  }
  const { name, place } = request.stage;
  if (place === 'runner') {
    await addLines(build, () => printStage(build, { ...request, ports }));
    return { kind: 'succeeded' };
  }

  const { begin, end } = sectionLinesOf(context, name, ports);
  const note = defineNote(`outcome ${key}`, parseStageOutcome);
  const known = await note.read(context.buildId, ports);
  if (known !== undefined) return known;
  if (name.startsWith('step_')) build.lease.hasBegunScript = true;
  await followServices(build, ports);
  if (!isSilent(name)) await addLines(build, () => trace.appendOnce(`${key}/start`, begin()));
  const outcome = await runToOutcome(build, { ...run, place });
  try {
    await trace.endStreams();
    if (!isSilent(name)) await trace.appendOnce(`${key}/end`, end());
    if (name === 'after_script') await printIgnored(build, key, outcome);
    // Invariant: lines about a noted stage are durable in the trace.
    await trace.checkpoint();
    await note.write(context.buildId, outcome, ports);
  } catch (error) {
    return await endWithoutNote(build, { ...run, place }, error);
  }
  return outcome;
}

/** Whether the stage prints its section itself, and only when it has something to do. */
function isSilent(name: StageName): boolean {
  return name === 'wait_for_terminal';
}

/** Prints a failure that does not fail the job. The result tells any other failure. */
async function printIgnored(
  { context, trace }: LiveBuild,
  key: string,
  outcome: StageOutcome,
): Promise<void> {
  const warning = afterScriptWarning(outcome);
  const variables = buildVariables(context, { jobStatus: 'running' });
  if (warning === undefined || !variables.flag('AFTER_SCRIPT_IGNORE_ERRORS', true)) return;
  await trace.appendOnce(`${key}/ignored`, formatRunnerLine('warning', warning));
}

/**
 * Returns the outcome when the disk is still too full for the note: a repeated call finds that the
 * stage has begun, and does not run it again. Otherwise throws the fault again, after it has freed
 * disk space for the next call, which ends the stage. A stage without a container has no output
 * that could be deleted.
 */
async function endWithoutNote(
  build: LiveBuild,
  { place, ports }: PlacedRun,
  error: unknown,
): Promise<StageOutcome> {
  if (isStillFull(build, error)) return systemFailure(build.diskFault);
  if (place !== 'transfer' && isDiskFull(error) && error instanceof Error) {
    await giveUpForFullDisk(build, { place, ports, message: error.message });
  }
  throw error;
}

/**
 * Returns the way to stop a script. Docker itself signals only the first process, which may not
 * pass the signal on. A graceful stop signals every process that the container sees. With a
 * `pid_mode`, the job's container sees those of the host or of another container too.
 */
function howToStop(
  { context, place }: { readonly context: BuildContext; readonly place: ContainerPlace },
  { how }: StopRequest,
): 'graceful' | 'plain' | 'kill' {
  if (how !== 'graceful') return how;
  if (place === 'build' && context.runner.docker.pidMode !== '') return 'plain';
  const { featureFlags } = buildVariables(context, { jobStatus: 'running' });
  return featureFlags.isOn('FF_USE_NATIVE_CONTAINER_STOP') ? 'plain' : 'graceful';
}

interface PlacedRun extends StageRun {
  readonly place: Exclude<StagePlace, 'runner'>;
}

/**
 * Runs the stage and returns its outcome. A final fault ends it. A transient one is thrown, and the
 * stage's next call continues.
 */
async function runToOutcome(build: LiveBuild, run: PlacedRun): Promise<StageOutcome> {
  const running: RunningStage = {
    key: run.key,
    place: run.place,
    stopReason: undefined,
    stopping: new AbortController(),
  };
  build.stage = running;
  try {
    const { place } = run;
    // Processes that the last stage has left running may still change files.
    await build.ending;
    const loss = await build.noticeLoss();
    if (loss !== undefined) return systemFailure(loss);
    const { signal } = running.stopping;
    if (place !== 'transfer') {
      return await runInItsContainer(build, { ...run, place, signal });
    }
    await assertLease(build, run.ports);
    return await transferFiles(build, { ...run, signal });
  } catch (error) {
    if (running.stopping.signal.aborted && run.place === 'transfer') return { kind: 'stopped' };
    if (isStillFull(build, error)) return systemFailure(build.diskFault);
    if (!(error instanceof FinalError)) throw error;
    return { kind: 'system_failed', type: error.type, message: error.message };
  } finally {
    if (build.stage === running) build.stage = undefined;
  }
}

interface ContainerRun extends StageRun {
  readonly place: ContainerPlace;
  readonly signal: AbortSignal;
}

function runInItsContainer(build: LiveBuild, run: ContainerRun): Promise<StageOutcome> {
  const stage = withContainer(build, run);
  switch (run.request.stage.name) {
    case 'wait_for_terminal':
      return waitForTerminal(build, stage);
    case 'get_sources':
      return getSources(build, stage);
    default:
      return runWithAttempts(build, stage);
  }
}

/**
 * Stops the running stage. The workflow repeats this until the stage has ended, because a container
 * may be starting at this moment. Nothing that the disk refuses keeps the containers from stopping.
 */
async function stop(build: LiveBuild, request: StopRequest, ports: StopPorts): Promise<void> {
  const { stage } = build;
  build.preparing?.abort();
  const steps = await Promise.allSettled([
    stage && tellStop(build, stage, request),
    stopContainers(build, { request, stage }, ports),
  ]);
  const failed = steps.find((step) => step.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Tells the stage and the readers of the log that the stage is stopped. */
async function tellStop(
  { trace }: LiveBuild,
  stage: RunningStage,
  { reason }: StopRequest,
): Promise<void> {
  stage.stopReason = reason;
  const line = formatRunnerLine('warning', `The stage is stopped: ${reason}`);
  const adding = trace.appendOnce(`${stage.key}/stop`, line);
  stage.stopping.abort();
  try {
    await adding;
  } catch (error) {
    // The line waits in memory. Another call would not find more room until the stage has ended.
    if (!isDiskFull(error)) throw error;
  }
}

interface StoppedStage {
  readonly request: StopRequest;
  readonly stage: RunningStage | undefined;
}

async function stopContainers(
  build: LiveBuild,
  { request, stage }: StoppedStage,
  ports: StopPorts,
): Promise<void> {
  const { context } = build;
  const engine = ports.engine(context.runner);
  const names = containerNamesOf(context);
  for (const place of ['build', 'helper'] as const) {
    const container = names[place];
    const status = await engine.inspectContainer(container);
    if (status === undefined || !isAlive(status)) continue;
    // The stage runs in the job's container. The helper only waits, and later stages need it.
    if (runsStageLoop(status) && stage?.place === 'build') continue;
    const mustKill = await hasWaitingShell(build, status, ports);
    const how = mustKill ? 'kill' : howToStop({ context, place }, request);
    await engine.stopContainer(container, how);
  }
}

/**
 * Whether the container's first process is the shell that waits for stages, which does not react to
 * a request to stop. In a container that awaits its script at the start, the script replaces it.
 */
async function hasWaitingShell(
  { context }: LiveBuild,
  status: ContainerStatus,
  { builds }: Pick<Ports, 'builds'>,
): Promise<boolean> {
  if (!awaitsScriptAtStart(status)) return runsStageLoop(status);
  return (await builds.readState(context.buildId, 'build')) === '';
}
