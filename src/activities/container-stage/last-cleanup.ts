import { jobFields } from '../../domain/build/job-fields.ts';
import type { PlannedStage } from '../../domain/context/stage.ts';
import { containerNamesOf } from '../../domain/executor/environment.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { parseStageState } from '../../domain/script/stage-state.ts';
import type { ContainerEngine } from '../../ports/index.ts';
import { stageKey, type ContainerStagePorts, type StartedStage } from '../build/container-stage.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineMark } from '../build/note.ts';
import { MAX_STARTS } from './stage-container.ts';
import { startOnce } from './stage-start.ts';
import { isAlive, waitForEnd, wake } from './waiting-stage.ts';

/** A clean-up only deletes a few files. One that takes longer than this, in milliseconds, hangs. */
const LIMIT_MS = 5 * 60_000;
/** Docker may not end what hangs. Then it is not waited for any longer. */
const KILL_LIMIT_MS = 30_000;
const PLACE = 'helper';
const DONE_NOTE = defineMark('last cleanup done');

interface Cleanup {
  readonly stage: PlannedStage;
  readonly ports: ContainerStagePorts;
}

/**
 * Runs the clean-up of a build whose trace may be complete, so nothing of it is printed there. Like
 * any stage, it may be called again after a crash. When it fails, only the program's log says so.
 * Throws RunnerSystem when it hangs and cannot be ended.
 */
export async function runLastCleanup(build: LiveBuild, cleanup: Cleanup): Promise<void> {
  const { buildId } = build.context;
  const { ports } = cleanup;
  if (await DONE_NOTE.isSet(buildId, ports)) return;
  const over = new AbortController();
  const hanging = ports.clock.sleep(LIMIT_MS + KILL_LIMIT_MS, over.signal).then(
    () => {
      const message = 'the clean-up hangs, and its container cannot be ended';
      throw new FinalError(FailureType.RunnerSystem, message);
    },
    () => undefined,
  );
  const running = runToEnd(build, cleanup);
  // Who no longer waits for it does not care how it ends.
  running.catch(() => undefined);
  try {
    await Promise.race([running, hanging]);
  } finally {
    over.abort();
  }
  await DONE_NOTE.set(buildId, ports);
}

async function runToEnd(build: LiveBuild, { stage, ports }: Cleanup): Promise<void> {
  const { context } = build;
  const key = stageKey({ name: stage.name, attempt: 1 });
  const request = { stage, attempt: 1, jobStatus: 'running' } as const;
  const container = containerNamesOf(context)[PLACE];
  const engine = ports.engine(context.runner);
  const placed = { key, request, place: PLACE, ports, container, engine } as const;
  await endJob(build, engine);
  for (let starts = 1; starts <= MAX_STARTS; starts += 1) {
    const start = await startOnce(build, placed);
    if (start === undefined) return;
    const { nonce, containerId } = start;
    const state = await endOf(build, { ...placed, nonce, containerId }, start.waits === true);
    if (state?.exitCode === 0) return;
    // Something outside has ended a container in which nothing of the clean-up has run.
    if (state === undefined && starts < MAX_STARTS) continue;
    const fields = { ...jobFields(context), exit_code: state?.exitCode };
    return ports.log.warn('clean-up stage failed', fields);
  }
}

/** Nothing of the job may still write files, not even the shell of a person. */
async function endJob(build: LiveBuild, engine: ContainerEngine): Promise<void> {
  await build.ending;
  const { build: container } = containerNamesOf(build.context);
  const status = await engine.inspectContainer(container);
  if (status !== undefined && isAlive(status)) await engine.stopContainer(container, 'kill');
}

/**
 * Waits until the clean-up has ended, and ends one that hangs. Returns what it has recorded:
 * undefined when it has not begun.
 */
async function endOf(build: LiveBuild, started: StartedStage, waits: boolean) {
  const { container, engine, nonce, ports } = started;
  const waiting = { ...started, waits, early: false };
  const over = new AbortController();
  const limit = ports.clock
    .sleep(LIMIT_MS, over.signal)
    .then(() => engine.stopContainer(container, 'kill'))
    // The clean-up is over, or whoever waits for it gives it up.
    .catch(() => undefined);
  const unwanted = AbortSignal.any([build.filesLost.signal, over.signal]);
  const ended = waitForEnd(build, waiting, unwanted).finally(() => over.abort());
  const waking = wake(build, waiting, over.signal);
  try {
    await Promise.all([ended, waking]);
  } finally {
    over.abort();
    await Promise.allSettled([limit, ended, waking]);
  }
  return parseStageState(await ports.builds.readState(build.context.buildId, PLACE), nonce);
}
