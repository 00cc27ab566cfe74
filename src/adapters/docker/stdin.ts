import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ContainerEngine } from '../../ports/index.ts';
import type { EngineParts } from './engine-parts.ts';
import { encodePath, type DaemonCall } from './daemon.ts';
import { startFault, timeoutFault } from './faults.ts';
import { readReply } from './read-reply.ts';

/** Creates the part of the engine that writes to the stdin of containers. */
export function createStdin(parts: EngineParts): Pick<ContainerEngine, 'fillStdin'> {
  return { fillStdin: (idOrName, content) => fillStdin(parts, idOrName, content) };
}

async function fillStdin(
  { daemon, timing }: EngineParts,
  idOrName: string,
  content: Uint8Array,
): Promise<void> {
  const call: DaemonCall = {
    doing: `write to the stdin of container "${idOrName}"`,
    method: 'POST',
    path: `/containers/${encodePath(idOrName)}/attach`,
    query: { stream: '1', stdin: '1' },
    upgrades: true,
  };
  const limit = AbortSignal.timeout(timing.callLimitMs);
  try {
    const answer = await daemon.upgrade(call, limit);
    if (answer instanceof IncomingMessage) {
      // Podman already prepares the process here, and refuses what other engines refuse at the
      // start.
      throw startFault(await readReply(answer), daemon.action(call));
    }
    await endWith(answer, content);
  } catch (error) {
    if (limit.aborted) throw timeoutFault(timing.callLimitMs, daemon.action(call));
    throw daemon.fault(error, call);
  }
}

/**
 * Writes the content and waits for the end of the connection: Docker holds the data until the
 * container reads it, and then closes the connection.
 */
function endWith(connection: Duplex, content: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.on('error', reject);
    connection.on('close', () => reject(new Error('the connection was closed')));
    connection.resume();
    connection.end(content, resolve);
    if (connection instanceof Socket) connection.unref();
  });
}
