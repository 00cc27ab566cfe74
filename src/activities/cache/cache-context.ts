import type { CacheInput } from '../../domain/cache/address.ts';
import type { CacheLine } from '../../domain/cache/plan-caches.ts';
import { errorMessage } from '../../domain/error-message.ts';
import { containerNamesOf } from '../../domain/executor/environment.ts';
import { FinalError, isDockerAway } from '../../domain/failure.ts';
import { formatRunnerLine, type RunnerLineLevel } from '../../domain/trace/sections.ts';
import { finishVariables } from '../../domain/variables/exported-variables.ts';
import type { Variables } from '../../domain/variables/variables.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';
import type { ContainerStagePorts } from '../build/container-stage.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineCounter } from '../build/note.ts';
import type { TransferRun } from '../files/transfer-run.ts';

type CachePorts = ContainerStagePorts &
  Pick<Ports, 'archives' | 'cacheStore' | 'hostFiles' | 'systemId'>;

/** Everything that restoring or saving one cache needs. */
export interface CacheContext {
  readonly build: LiveBuild;
  readonly ports: CachePorts;
  readonly engine: ContainerEngine;
  /** The container with the job's files and the local archives. */
  readonly container: string;
  readonly variables: Variables;
  readonly signal: AbortSignal;
  /** The place of this cache among those of the job, from 0. */
  readonly index: number;
  /** Identifies this cache in this try of the stage, in notes and in the trace's keys. */
  readonly key: string;
}

export function cacheInputOf(
  { context }: LiveBuild,
  { digests }: Pick<Ports, 'digests'>,
): CacheInput {
  return { context, variables: finishVariables(context, { jobStatus: 'running' }), digests };
}

export function openCacheContext(
  build: LiveBuild,
  { key, ports, signal }: TransferRun,
  { index, variables }: { readonly index: number; readonly variables: Variables },
): CacheContext {
  return {
    ...{ build, ports, variables, signal, index },
    engine: ports.engine(build.context.runner),
    container: containerNamesOf(build.context).build,
    key: `${key}/${index}`,
  };
}

/**
 * Returns the context with a key of its own, for one of several parts that print the same lines.
 */
export function part(context: CacheContext, name: string | number): CacheContext {
  return { ...context, key: `${context.key}/${name}` };
}

/**
 * Prints a line once. After a crash the stage may take another path, and then it prints new lines.
 * Keys of the trace are stored unencrypted and must not contain unmasked text, so the key is a
 * digest.
 */
export async function print(
  { build, ports, key }: CacheContext,
  level: RunnerLineLevel,
  text: string,
): Promise<void> {
  const digest = ports.digests.sha256Hex(text);
  await build.trace.appendOnce(`${key}/${digest}`, formatRunnerLine(level, text));
}

export async function printAll(context: CacheContext, lines: readonly CacheLine[]): Promise<void> {
  for (const { level, text } of lines) await print(context, level, text);
}

/** How often Docker may fail in one cache, because some permanent faults look transient. */
const MAX_TRIES = 5;
/** The same while it gives no answer. Temporal's pauses make it nearly three minutes. */
const MAX_TRIES_AWAY = 20;

/**
 * Runs an action with a cache and turns its failure into a warning, because a cache never fails a
 * job. Returns whether it succeeded. Throws transient faults, and when the stage was told to stop.
 */
export async function warnOnFailure(
  context: CacheContext,
  work: () => Promise<boolean>,
): Promise<boolean> {
  const { signal } = context;
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    const most = isDockerAway(error) ? MAX_TRIES_AWAY : MAX_TRIES;
    if (!(error instanceof FinalError) && (await countTry(context)) < most) throw error;
    await print(context, 'warning', errorMessage(error));
    return false;
  }
}

async function countTry({ build, ports, key }: CacheContext): Promise<number> {
  const { buildId } = build.context;
  const tries = await defineCounter(`tries ${key}`).increment(buildId, ports);
  return tries;
}
