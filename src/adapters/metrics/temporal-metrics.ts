import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Log } from '../../ports/index.ts';

const ANSWER_MS = 2_000;

/**
 * A free address of this machine alone, for the exporter of Temporal's SDK: it can only be told one,
 * and does not say which it has got.
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

/** What the SDK's own exporter has counted, in Prometheus' text format; '' while it does not answer. */
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
