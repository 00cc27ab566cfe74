import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { ContainerEndpoint, ServiceEngine, ServiceLogCopy } from '../../ports/index.ts';
import { isAlive } from '../../domain/executor/container-state.ts';
import { ContainerGone, TransientError } from '../../domain/failure.ts';
import { createServiceLog } from '../../domain/trace/service-log.ts';
import { logCall, openLog } from './containers.ts';
import type { DaemonCall } from './daemon.ts';
import { demux } from './demux.ts';
import type { EngineParts } from './engine-parts.ts';
import { inspect } from './inspect.ts';
import { inspectContainer, inspectionOf } from './inspect-container.ts';
import { pause } from './pause.ts';
import { endpointSchema, tcpPortsOf } from './replies.ts';

/** Creates the part of the engine for services: their addresses and their output. */
export function createServices(parts: EngineParts): ServiceEngine {
  return {
    inspectEndpoint: (idOrName) => inspectEndpoint(parts, idOrName),
    copyServiceLog: (idOrName, copy) => copyServiceLog(parts, idOrName, copy),
  };
}

async function inspectEndpoint(
  parts: EngineParts,
  idOrName: string,
): Promise<ContainerEndpoint | undefined> {
  const found = await inspect(parts, inspectionOf(idOrName), { schema: endpointSchema });
  if (found === undefined) return undefined;
  const { Config, NetworkSettings } = found;
  const networks = Object.values(NetworkSettings?.Networks ?? {});
  const addresses = [
    ...networks.map((network) => network?.IPAddress ?? ''),
    ...networks.map((network) => network?.GlobalIPv6Address ?? ''),
  ];
  return {
    addresses: addresses.filter((address) => address !== ''),
    exposedTcpPorts: tcpPortsOf(Config.ExposedPorts),
    environment: Config.Env ?? [],
  };
}

/**
 * Copies a service's log. Tries again after every transient fault, because the service may outlive
 * its daemon.
 */
async function copyServiceLog(
  parts: EngineParts,
  idOrName: string,
  copy: ServiceLogCopy,
): Promise<void> {
  const { signal } = copy;
  for (let failures = 0; !signal.aborted; failures += 1) {
    if (await copyUntilEnd(parts, idOrName, copy)) break;
    await pause(parts.timing.reconnectDelayMs(failures), signal).catch(() => undefined);
  }
  await copyOnce(parts, idOrName, { ...copy, follow: false });
}

/**
 * Copies until the service ends. Returns false when the connection broke, or the container still
 * runs.
 */
async function copyUntilEnd(
  parts: EngineParts,
  idOrName: string,
  copy: ServiceLogCopy,
): Promise<boolean> {
  try {
    await copyOnce(parts, idOrName, { ...copy, follow: true });
    const status = await inspectContainer(parts, idOrName, {
      signal: copy.signal,
      patience: 'long',
    });
    return status === undefined || !isAlive(status);
  } catch (error) {
    if (copy.signal.aborted || error instanceof TransientError) return false;
    throw error;
  }
}

/** Reads the log from its beginning, and skips the part that the file already has. */
async function copyOnce(
  parts: EngineParts,
  idOrName: string,
  copy: ServiceLogCopy & { readonly follow: boolean },
): Promise<void> {
  const { daemon, timing } = parts;
  const { file, follow, signal } = copy;
  const query = { timestamps: '1', follow: follow ? '1' : '0' };
  const call: DaemonCall = { ...logCall(idOrName, query), patience: 'long' };
  const handle = await open(file, 'a');
  try {
    const ending = follow ? signal : AbortSignal.timeout(timing.slowCallLimitMs);
    const response = await openLog(daemon, { call, idOrName, signal: ending });
    const { size: knownBytes } = await stat(file);
    await copyLines(demux(response), handle, { ...copy, knownBytes, isLast: !follow });
  } catch (error) {
    if (!(error instanceof ContainerGone)) throw daemon.fault(error, call);
  } finally {
    await handle.close();
  }
}

interface CopyProgress {
  readonly name: string;
  /** Number of bytes that are already in the file. */
  readonly knownBytes: number;
  /** True: nothing follows, so a line without an end is complete. */
  readonly isLast: boolean;
}

async function copyLines(
  pieces: ReturnType<typeof demux>,
  handle: FileHandle,
  { name, knownBytes, isLast }: CopyProgress,
): Promise<void> {
  const log = createServiceLog(name);
  let toSkip = knownBytes;
  const append = async (lines: Uint8Array): Promise<void> => {
    const known = Math.min(toSkip, lines.length);
    toSkip -= known;
    if (known < lines.length) await handle.appendFile(lines.subarray(known));
  };
  for await (const piece of pieces) await append(log.write(piece));
  if (isLast) await append(log.end());
}
