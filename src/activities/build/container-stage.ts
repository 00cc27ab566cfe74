import type { BuildContext } from '../../domain/context/context.ts';
import { containerNamesOf, type ContainerPlace } from '../../domain/executor/environment.ts';
import { isObject } from '../../domain/is-object.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';
import type { LeasePorts } from './lease.ts';
import type { StageRequest, StageTry } from '../contract.ts';
import { defineFlag, defineNote, type Note } from './note.ts';

/** What a stage needs to run in its container, which is created again when it is gone. */
export type ContainerStagePorts = LeasePorts &
  Pick<Ports, 'builds' | 'cacheUses' | 'coordinator' | 'credentialPrograms' | 'digests'> &
  Pick<Ports, 'engine' | 'metrics' | 'randomness' | 'registryAuthFiles'>;

/** What a caller wants to run in a container of the build. */
export interface PlacedStage {
  /** Identifies this try of the stage in notes and in the trace's keys. */
  readonly key: string;
  readonly request: StageRequest;
  readonly place: ContainerPlace;
  readonly ports: ContainerStagePorts;
}

/** A stage that runs in a container of the build. */
export interface ContainerStage extends PlacedStage {
  /** Name of the container. */
  readonly container: string;
  readonly engine: ContainerEngine;
}

/** Adds the container of a stage, which follows from its place, and the engine. */
export function withContainer<T extends PlacedStage>(
  { context }: { readonly context: BuildContext },
  stage: T,
): T & ContainerStage {
  const container = containerNamesOf(context)[stage.place];
  return { ...stage, container, engine: stage.ports.engine(context.runner) };
}

/** The facts that identify a started stage after a crash of this process. */
export interface StageStart {
  readonly nonce: string;
  readonly containerId: string;
  /**
   * `StartedAt` of the container before the stage: another value means that this stage was started.
   * Empty when the container was already running, and waiting.
   */
  readonly previousStartedAt: string;
  /** See {@link Clock.monotonicMs}. */
  readonly sinceMs: number;
  /** See {@link Clock.boot}. Also absent in notes of releases up to 0.1.0. */
  readonly boot?: string;
  /** Absent in notes of releases up to 0.1.0, which never opened one. */
  readonly opensStdin?: boolean;
  /**
   * True: the container runs the stage loop, so its state file tells whether this one has begun.
   * Absent for other containers, and in notes of releases up to 0.1.0.
   */
  readonly waits?: true;
  /**
   * True: the container was started before its script was there, and waits for it, so its state
   * file tells whether the script has begun. Absent for other containers, and in notes of releases
   * up to 0.1.0.
   */
  readonly early?: true;
  /**
   * True: the stage marks its beginning and its end in the container's own log, see `formatMark`.
   * Absent for other stages, and in notes of releases up to 0.1.0.
   */
  readonly marks?: true;
}

/** A stdin that was written to the container before its start. */
export interface FilledStdin {
  /**
   * False when another process died while writing it: Docker may have closed the stdin without any
   * content.
   */
  readonly isSure: boolean;
}

/** A running stage. */
export interface StartedStage extends ContainerStage {
  readonly start: StageStart;
}

/**
 * Set before the first script of a build is handed to the job's container. Until then, the
 * container can be replaced without loss, and its next-stage file is empty.
 */
export const HAD_SCRIPT = defineFlag('had-script');

/** Name of one try of a stage in the build's notes. */
export function stageKey({ name, attempt }: StageTry): string {
  return `${name}#${attempt}`;
}

/**
 * The note about the stdin that a container has got, written before the container is started. It is
 * absent when no container was started for this try of the stage, or the container has no stdin.
 */
export function stdinNote(key: string): Note<FilledStdin> {
  return defineNote(`stdin ${key}`, parseStdin);
}

/**
 * The note about the start of a container, written before the start. It is absent when no container
 * was about to be started for this try of the stage.
 */
export function startNote(key: string): Note<StageStart> {
  return defineNote(`start ${key}`, parseStart);
}

function parseStdin(value: unknown): FilledStdin | undefined {
  if (!isObject(value) || typeof value['isSure'] !== 'boolean') return undefined;
  return { isSure: value['isSure'] };
}

function parseStart(value: unknown): StageStart | undefined {
  if (!isObject(value)) return undefined;
  const { nonce, containerId, previousStartedAt, sinceMs } = value;
  if (typeof nonce !== 'string' || typeof containerId !== 'string') return undefined;
  if (typeof previousStartedAt !== 'string' || typeof sinceMs !== 'number') return undefined;
  return { nonce, containerId, previousStartedAt, sinceMs, ...parseLaterFacts(value) };
}

/** Reads the facts that not every release has noted. */
function parseLaterFacts({
  boot,
  opensStdin,
  waits,
  early,
  marks,
}: Record<string, unknown>): Partial<StageStart> {
  return {
    ...(typeof boot === 'string' && { boot }),
    ...(typeof opensStdin === 'boolean' && { opensStdin }),
    ...(waits === true && { waits }),
    ...(early === true && { early }),
    ...(marks === true && { marks }),
  };
}
