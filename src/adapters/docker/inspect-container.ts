import type { z } from 'zod';
import type { ContainerStatus } from '../../ports/index.ts';
import { encodePath, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { inspect } from './inspect.ts';
import type { Patience } from './patience.ts';
import { containerSchema } from './replies.ts';
import { parseState } from './states.ts';

type RawContainer = z.infer<typeof containerSchema>;

interface Inspecting {
  /** Ends the request. */
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Patience;
}

/** Returns Docker's own answer about the container; undefined when there is no such container. */
export async function inspectRaw(
  parts: EngineParts,
  idOrName: string,
  { signal, patience = 'short' }: Inspecting = {},
): Promise<RawContainer | undefined> {
  const call = { ...inspectionOf(idOrName), patience };
  return inspect(parts, call, { schema: containerSchema, signal });
}

/** Returns the call for all of Docker's facts about a container. */
export function inspectionOf(idOrName: string): Pick<DaemonCall, 'doing' | 'path'> {
  return {
    doing: `inspect container "${idOrName}"`,
    path: `/containers/${encodePath(idOrName)}/json`,
  };
}

/** Returns undefined when there is no such container. */
export async function inspectContainer(
  parts: EngineParts,
  idOrName: string,
  options?: Inspecting,
): Promise<ContainerStatus | undefined> {
  const raw = await inspectRaw(parts, idOrName, options);
  return raw && toStatus(raw);
}

/** Returns the container's mounts; empty when there is no such container. */
export async function mountsOf(
  parts: EngineParts,
  idOrName: string,
  signal?: AbortSignal,
): Promise<NonNullable<RawContainer['Mounts']>> {
  return (await inspectRaw(parts, idOrName, { signal }))?.Mounts ?? [];
}

function toStatus({ Id, State, Config }: RawContainer): ContainerStatus {
  return {
    id: Id,
    state: parseState(State.Status, Id),
    exitCode: State.ExitCode,
    oomKilled: State.OOMKilled,
    startedAt: State.StartedAt,
    error: State.Error,
    labels: Config.Labels ?? {},
    opensStdin: Config.OpenStdin,
  };
}
