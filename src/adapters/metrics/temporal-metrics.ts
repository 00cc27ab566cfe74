import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Log } from '../../ports/index.ts';

const ANSWER_MS = 2_000;

/**
 * Finds a free address of this machine for the exporter of Temporal's SDK. The SDK must be given an
 * address, and does not tell which one it uses.
 */
export async function findLoopbackAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no free port');
  return `127.0.0.1:${address.port}`;
}

/**
 * Reads the metrics of the SDK's own exporter, in Prometheus' text format; empty while it does not
 * answer.
 */
export function createTemporalMetrics(address: string, log: Log): () => Promise<string> {
  return async () => {
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const response = await fetch(`http://${address}/metrics`, { signal });
      return response.ok ? await response.text() : '';
    } catch (error) {
      log.debug('metrics of Temporal’s SDK not read', { error });
      return '';
    }
  };
}
