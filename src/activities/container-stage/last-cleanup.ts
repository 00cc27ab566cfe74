import { jobFields } from '../../domain/build/job-fields.ts';
import type { PlannedStage } from '../../domain/context/stage.ts';
import { isAlive } from '../../domain/executor/container-state.ts';
import { containerNamesOf } from '../../domain/executor/environment.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { parseStageState } from '../../domain/script/stage-state.ts';
import type { ContainerEngine } from '../../ports/index.ts';
import {
  stageKey,
  withContainer,
  type ContainerStagePorts,
  type StartedStage,
} from '../build/container-stage.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineFlag } from '../build/note.ts';
import { MAX_STARTS } from './stage-container.ts';
import { startOnce } from './stage-start.ts';
import { waitForEnd, wake } from './waiting-stage.ts';

/** A clean-up only deletes a few files, so one that takes longer than this hangs. */
const LIMIT_MS = 5 * 60_000;
/** How long to wait for Docker to kill a clean-up that hangs. */
const KILL_LIMIT_MS = 30_000;
const PLACE = 'helper';
const DONE_NOTE = defineFlag('last cleanup done');

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
  // If the time runs out first, nobody awaits `running`. This keeps its failure from counting as
  // unhandled.
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
  const placed = withContainer(build, { key, request, place: PLACE, ports });
  await endJob(build, placed.engine);
  for (let starts = 1; starts <= MAX_STARTS; starts += 1) {
    const start = await startOnce(build, placed);
    if (start === undefined) return;
    const state = await endOf(build, { ...placed, start });
    if (state?.exitCode === 0) return;
    // Something outside ended the container before the clean-up began.
    if (state === undefined && starts < MAX_STARTS) continue;
    const fields = { ...jobFields(context), exit_code: state?.exitCode };
    return ports.log.warn('clean-up stage failed', fields);
  }
}

/** Ends the job's container, because nothing may still write files, not even a person's shell. */
async function endJob(build: LiveBuild, engine: ContainerEngine): Promise<void> {
  await build.ending;
  const { build: container } = containerNamesOf(build.context);
  const status = await engine.inspectContainer(container);
  if (status !== undefined && isAlive(status)) await engine.stopContainer(container, 'kill');
}

/**
 * Waits until the clean-up has ended, and kills one that hangs. Returns the wrapper's record;
 * undefined when the clean-up has not begun.
 */
async function endOf(build: LiveBuild, started: StartedStage) {
  const { container, engine, start, ports } = started;
  const over = new AbortController();
  const limit = ports.clock
    .sleep(LIMIT_MS, over.signal)
    .then(() => engine.stopContainer(container, 'kill'))
    // The sleep rejects when the clean-up is over. If the kill fails, `KILL_LIMIT_MS` applies.
    .catch(() => undefined);
  const unwanted = AbortSignal.any([build.filesLost.signal, over.signal]);
  const ended = waitForEnd(build, started, unwanted).finally(() => over.abort());
  const waking = wake(build, started, over.signal);
  try {
    await Promise.all([ended, waking]);
  } finally {
    over.abort();
    await Promise.allSettled([limit, ended, waking]);
  }
  return parseStageState(await ports.builds.readState(build.context.buildId, PLACE), start.nonce);
}
