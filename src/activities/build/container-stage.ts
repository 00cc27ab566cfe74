import type { ContainerPlace } from '../../domain/executor/environment.ts';
import { isObject } from '../../domain/is-object.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';
import type { LeasePorts } from './lease.ts';
import type { StageRequest, StageTry } from '../contract.ts';
import { defineNote, type Note } from './note.ts';

/** For running a stage in its container, which is made again when it is gone. */
export type ContainerStagePorts = LeasePorts &
  Pick<Ports, 'builds' | 'cacheUses' | 'coordinator' | 'credentialPrograms' | 'digests'> &
  Pick<Ports, 'engine' | 'metrics' | 'randomness' | 'registryAuthFile'>;

/** A stage that runs in a container of the build. */
export interface ContainerStage {
  /** Identifies this try of the stage in notes and in the trace's keys. */
  readonly key: string;
  readonly request: StageRequest;
  readonly place: ContainerPlace;
  readonly ports: ContainerStagePorts;
}

/** The facts by which a started stage is recognised after a crash of this process. */
export interface StageStart {
  readonly nonce: string;
  readonly containerId: string;
  /**
   * `StartedAt` of the container before: another value means that this stage was started. '' when
   * the container was running already, and waited.
   */
  readonly previousStartedAt: string;
  /** See {@link Clock.monotonicMs}. */
  readonly sinceMs: number;
  /** Absent in notes of releases up to 0.1.0, which opened none. */
  readonly opensStdin?: boolean;
  /**
   * The container waits for its stages. Whether this one was begun is then told by its state file.
   * Absent elsewhere, and in what releases up to 0.1.0 wrote.
   */
  readonly waits?: true;
}

/** A stdin that was written to the container before its start. */
export interface FilledStdin {
  /**
   * False when another process died while writing it: Docker may have closed the stdin without any
   * content.
   */
  readonly isSure: boolean;
}

/** A running stage, with the container that it was started in. */
export interface StartedStage extends ContainerStage {
  readonly container: string;
  readonly engine: ContainerEngine;
  readonly containerId: string;
  readonly nonce: string;
}

/** Name of one try of a stage in the build's notes. */
export function stageKey({ name, attempt }: StageTry): string {
  return `${name}#${attempt}`;
}

const stdinNote = (key: string): Note<FilledStdin> => defineNote(`stdin ${key}`, parseStdin);
const startNote = (key: string): Note<StageStart> => defineNote(`start ${key}`, parseStart);

function parseStdin(value: unknown): FilledStdin | undefined {
  if (!isObject(value) || typeof value['isSure'] !== 'boolean') return undefined;
  return { isSure: value['isSure'] };
}

function parseStart(value: unknown): StageStart | undefined {
  if (!isObject(value)) return undefined;
  const { nonce, containerId, previousStartedAt, sinceMs, opensStdin, waits } = value;
  if (typeof nonce !== 'string' || typeof containerId !== 'string') return undefined;
  if (typeof previousStartedAt !== 'string' || typeof sinceMs !== 'number') return undefined;
  const start: StageStart = {
    ...{ nonce, containerId, previousStartedAt, sinceMs },
    ...(waits === true && { waits }),
  };
  return typeof opensStdin === 'boolean' ? { ...start, opensStdin } : start;
}

/** undefined when the container was not started for this try of a stage, or has no stdin. */
export function readStdin(
  buildId: string,
  key: string,
  ports: Pick<Ports, 'builds'>,
): Promise<FilledStdin | undefined> {
  return stdinNote(key).read(buildId, ports);
}

/** Durable before the container is started. */
export function writeStdin(
  buildId: string,
  key: string,
  { stdin, builds }: Pick<Ports, 'builds'> & { readonly stdin: FilledStdin },
): Promise<void> {
  return stdinNote(key).write(buildId, stdin, { builds });
}

/** undefined when no container was to be started for this try of a stage. */
export function readStart(
  buildId: string,
  key: string,
  ports: Pick<Ports, 'builds'>,
): Promise<StageStart | undefined> {
  return startNote(key).read(buildId, ports);
}

/** Durable before the container is started. */
export function writeStart(
  buildId: string,
  key: string,
  { start, builds }: Pick<Ports, 'builds'> & { readonly start: StageStart },
): Promise<void> {
  return startNote(key).write(buildId, start, { builds });
}
