import { formatStageScript } from '../domain/script/stage-script.ts';
import { stageTitle } from '../domain/script/titles.ts';
import { buildVariables, type Variables } from '../domain/job/variables.ts';
import { parseStageState } from '../domain/script/stage-state.ts';
import { formatRunnerLine, formatSectionEnd, formatSectionStart } from '../domain/trace/sections.ts';
import { FailureType, FinalError } from '../domain/failure.ts';
import type { StageOutcome } from '../domain/build/outcome.ts';
import type { BuildActivities, StageRequest, StopRequest } from './contract.ts';
import { planFor } from './environment.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { LiveBuild, LiveBuilds } from './live-builds.ts';
import type { ArchiveEntry, ContainerEngine, ContainerStatus, Ports } from './ports.ts';
import { runInRunner } from './runner-stage.ts';

type StageActivities = Pick<BuildActivities, 'runStage' | 'stopStage'>;
type Place = 'build' | 'helper';

/** More than an entrypoint has to say before it runs our command. */
const MAX_ENTRYPOINT_LOG_BYTES = 1024 * 1024;

export function createStageActivities(ports: Ports, live: LiveBuilds): StageActivities {
  return {
    runStage: ({ buildId }, request) =>
      withHeartbeat(async () => {
        const build = await live.open(buildId);
        const key = stageKey(request);
        return build.joined(key, () => runStage(build, request, ports));
      }),

    stopStage: ({ buildId }, request) =>
      withHeartbeat(async () => {
        const build = await live.find(buildId);
        if (build !== undefined) await stop(build, request, ports);
      }),
  };
}

/** What a stage's start is recognised by, should this process die at any moment. */
interface StageStart {
  readonly nonce: string;
  /** `StartedAt` of the container before: another value means that this stage was started. */
  readonly previousStartedAt: string;
}

async function runStage(
  build: LiveBuild,
  request: StageRequest,
  ports: Ports,
): Promise<StageOutcome> {
  const { context, trace } = build;
  const key = stageKey(request);
  const known = await ports.builds.readNote(context.buildId, `outcome ${key}`);
  if (known !== undefined) return known as StageOutcome;

  const { name } = request.stage;
  const hasSections = context.job.features.trace_sections;
  const start = formatSectionStart(name, ports.clock.nowMs(), hasSections);
  await trace.appendOnce(`${key}/start`, start + stageTitle(name));
  const outcome =
    request.stage.place === 'runner'
      ? await runInRunner(build, request, ports)
      : await runInContainer(build, { request, place: request.stage.place, ports });
  await trace.endStreams();
  await trace.appendOnce(`${key}/end`, formatSectionEnd(name, ports.clock.nowMs(), hasSections));
  await trace.checkpoint();
  await ports.builds.writeNote(context.buildId, `outcome ${key}`, outcome);
  return outcome;
}

function stageKey({ stage, attempt }: StageRequest): string {
  return `${stage.name}#${attempt}`;
}

interface ContainerStage {
  readonly request: StageRequest;
  readonly place: Place;
  readonly ports: Ports;
}

async function runInContainer(build: LiveBuild, stage: ContainerStage): Promise<StageOutcome> {
  const { request, place, ports } = stage;
  const { context, trace } = build;
  const engine = ports.engine(context.runner);
  const plan = await planFor(build, ports);
  const container = plan.containerNames[place];
  const nonce = await startOnce(build, { ...stage, container, engine });

  const files = await ports.builds.stageFiles(context.buildId, place);
  const ended = new AbortController();
  const exit = engine.waitForExit(container, ended.signal).finally(() => ended.abort());
  const following = followAfterBegin(build, { ...stage, container, nonce, engine, ended: ended.signal });
  const [status] = await Promise.all([exit, following]);
  await trace.followFile(place, files.output, AbortSignal.abort());
  const state = parseStageState(await ports.builds.readState(context.buildId, place), nonce);
  return outcomeOf({ status, exitCode: state?.exitCode, build, request });
}

interface StartedStage extends ContainerStage {
  readonly container: string;
  readonly engine: ContainerEngine;
}

/** Starts the container for this stage, unless that was done before, by whatever process. */
async function startOnce(build: LiveBuild, stage: StartedStage): Promise<string> {
  const { request, place, ports, container, engine } = stage;
  const { buildId } = build.context;
  const note = `start ${stageKey(request)}`;
  const known = (await ports.builds.readNote(buildId, note)) as StageStart | undefined;
  const status = await engine.inspectContainer(container);
  if (status === undefined) throw containerGone(container);
  if (known !== undefined && status.startedAt !== known.previousStartedAt) return known.nonce;

  const start = known ?? { nonce: ports.randomness.hex(16), previousStartedAt: status.startedAt };
  if (known === undefined) await ports.builds.writeNote(buildId, note, start);
  const variables = buildVariables(build.context, { jobStatus: request.jobStatus });
  const files = fileEntries(variables);
  if (files.length > 0) await engine.putArchive(container, '/', files);
  const script = formatStageScript({
    context: build.context,
    variables,
    stage: request.stage.name,
    nonce: start.nonce,
  });
  await ports.builds.writeScript(buildId, place, script);
  await engine.startContainer(container);
  return start.nonce;
}

function fileEntries(variables: Variables): ArchiveEntry[] {
  const encoder = new TextEncoder();
  const files = variables.files();
  if (files.length === 0) return [];
  return [
    { path: variables.tempDir, type: 'directory', mode: 0o777 },
    ...files.map(
      ({ path, content }) =>
        ({ path, type: 'file', mode: 0o666, content: encoder.encode(content) }) as const,
    ),
  ];
}

interface FollowedStage extends StartedStage {
  readonly nonce: string;
  readonly ended: AbortSignal;
}

/**
 * First what an entrypoint said to Docker's own log, then the stage's output from its file. The
 * wrapper marks the border: once it has begun, all goes into the file.
 */
async function followAfterBegin(build: LiveBuild, stage: FollowedStage): Promise<void> {
  const { request, place, ports, container, engine, nonce, ended } = stage;
  const { context, trace } = build;
  await ports.builds.whenBegun(context.buildId, place, { nonce, signal: ended });
  const status = await engine.inspectContainer(container);
  const sinceMs = Date.parse(status?.startedAt ?? '') || 0;
  const logs = await engine.readLogs(container, { sinceMs, maxBytes: MAX_ENTRYPOINT_LOG_BYTES });
  for (const [index, { stream, bytes }] of logs.entries()) {
    await trace.appendBytesOnce(`${stageKey(request)}/entrypoint/${index}`, stream, bytes);
  }
  const { output } = await ports.builds.stageFiles(context.buildId, place);
  await trace.followFile(place, output, ended);
}

interface Ended {
  readonly status: ContainerStatus;
  /** As the wrapper noted it; undefined when it was killed before it could. */
  readonly exitCode: number | undefined;
  readonly build: LiveBuild;
  readonly request: StageRequest;
}

async function outcomeOf({ status, exitCode, build, request }: Ended): Promise<StageOutcome> {
  // The wrapper's word goes before Docker's, which says 255 after a restart of the daemon.
  const code = exitCode ?? status.exitCode;
  if (status.oomKilled) {
    const line = formatRunnerLine('error', 'The container was killed: it used all of its memory');
    await build.trace.appendOnce(`${stageKey(request)}/oom`, line);
  }
  return code === 0 && exitCode !== undefined
    ? { kind: 'succeeded' }
    : { kind: 'script_failed', exitCode: code === 0 ? 1 : code };
}

async function stop(build: LiveBuild, request: StopRequest, ports: Ports): Promise<void> {
  const { context } = build;
  build.stopWork();
  const engine = ports.engine(context.runner);
  const { containerNames } = await planFor(build, ports);
  for (const container of [containerNames.build, containerNames.helper]) {
    const status = await engine.inspectContainer(container);
    if (status?.state === 'running') await engine.stopContainer(container, request.how);
  }
}

function containerGone(container: string): FinalError {
  return new FinalError(
    FailureType.RunnerSystem,
    `container ${container} is gone: somebody or something removed it while the job ran`,
  );
}
