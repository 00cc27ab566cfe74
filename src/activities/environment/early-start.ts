import { awaitsScriptAtStart, runsStageLoop } from '../../domain/executor/waiting-container.ts';
import type { EarlyStartAnswer } from '../../domain/executor/early-start.ts';
import type { ContainerSpec } from '../../domain/executor/specs.ts';
import { FinalError, TransientError } from '../../domain/failure.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';
import { HAD_SCRIPT } from '../build/container-stage.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { ResolvedImage } from './images.ts';

/** A container that was created for a build. */
export interface CreatedContainer {
  readonly id: string;
  readonly spec: ContainerSpec;
  readonly image: ResolvedImage;
}

/**
 * Starts containers before their stages, while other things are prepared. Nobody waits for these
 * starts. When one fails, the stage later starts the container itself and reports the fault.
 */
export interface EarlyStarts {
  /** Starts the helper if it runs the stage loop. */
  created(container: CreatedContainer): void;
  /**
   * Starts the job's container if that is possible, after the helper, whose stages come first. Call
   * it when all containers are created.
   */
  allCreated(): Promise<void>;
}

interface EarlyStartOptions {
  readonly engine: ContainerEngine;
  readonly ports: Pick<Ports, 'builds' | 'log'>;
  /** No container is started after it has aborted. */
  readonly signal: AbortSignal;
}

export function openEarlyStarts(
  build: LiveBuild,
  { engine, ports, signal }: EarlyStartOptions,
): EarlyStarts {
  const start = async ({ id }: CreatedContainer): Promise<EarlyStartAnswer> => {
    if (signal.aborted) return 'refused';
    try {
      // The id instead of the name, so that a late start never starts the container's successor.
      await engine.startContainer(id);
      return 'confirmed';
    } catch (error) {
      ports.log.debug('a container was not started early', { container: id, error });
      return isAnswer(error) ? 'refused' : 'none';
    }
  };
  let helperStart: Promise<unknown> = Promise.resolve();
  let job: CreatedContainer | undefined;
  return {
    created: (container) => {
      if (runsStageLoop(container.spec)) helperStart = start(container);
      if (awaitsScriptAtStart(container.spec)) job = container;
    },
    allCreated: async () => {
      const created = job;
      if (created === undefined || build.early !== undefined) return;
      // After the first script, the next-stage file is not empty, and the container would run that script.
      if (await HAD_SCRIPT.isSet(build.context.buildId, ports)) return;
      const { id: containerId, image } = created;
      const started = helperStart.then(() => start(created));
      build.early = { containerId, image, started, isDoubtful: false };
    },
  };
}

/** Does the work. After a failure, a container that was already started early gets no script. */
export async function doubtOnFault<T>(build: LiveBuild, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (build.early !== undefined) build.early.isDoubtful = true;
    throw error;
  }
}

/** Whether the engine itself has refused, so that the start is no longer in progress. */
function isAnswer(error: unknown): boolean {
  return (
    error instanceof FinalError || (error instanceof TransientError && error.status !== undefined)
  );
}
