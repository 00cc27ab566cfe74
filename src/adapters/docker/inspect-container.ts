import type { z } from 'zod';
import type { ContainerStatus } from '../../ports/index.ts';
import { parseReply, segment, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
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
  { daemon, timing }: EngineParts,
  idOrName: string,
  { signal, patience = 'short' }: Inspecting = {},
): Promise<RawContainer | undefined> {
  const call: DaemonCall = {
    doing: `inspect container "${idOrName}"`,
    method: 'GET',
    path: `/containers/${segment(idOrName)}/json`,
    patience,
  };
  const options = { limitMs: timing.callLimitMs, accept: [200, 404], signal };
  const { status, body } = await daemon.expect(call, options);
  return status === 404 ? undefined : parseReply(containerSchema, body, daemon.action(call));
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
