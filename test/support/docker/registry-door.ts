import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An answer that Docker gets instead of the registry's own. */
export interface RegistryRefusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly code: string;
  readonly message: string;
}

export type LayerFate =
  /** The rest of the layer follows unchanged. */
  | 'rest'
  /** The connection is reset. */
  | 'reset';

/** A proxy before a registry. It records the requests, and can disturb the answers to Docker. */
export interface RegistryDoor {
  /** `127.0.0.1:port`. References use it instead of the registry's own host. */
  readonly host: string;
  /** Method and path of each request, in order. */
  readonly calls: readonly string[];
  /** Sets a function that answers requests. Undefined passes a request on. */
  refuse(decide: (path: string) => RegistryRefusal | undefined): void;
  /**
   * Holds back the second half of the next layer. Resolves when a part of the layer has passed,
   * with a function that decides about the rest.
   */
  holdLayer(): Promise<(fate: LayerFate) => void>;
  close(): Promise<void>;
}

/** Layers are larger than this; manifests and configurations are smaller. */
const LAYER_MIN_BYTES = 1024 * 1024;

interface Held {
  readonly decided: Promise<LayerFate>;
  reached(): void;
}

export async function openRegistryDoor(registryHost: string): Promise<RegistryDoor> {
  const [, targetPort = ''] = registryHost.split(':');
  const calls: string[] = [];
  let decide: (path: string) => RegistryRefusal | undefined = () => undefined;
  let held: Held | undefined;
  const pass = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { method, url = '', headers } = incoming;
    const options = {
      host: '127.0.0.1',
      port: targetPort,
      agent: false,
      method,
      path: url,
      headers,
    };
    const inner = request(options, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      const isLayer = Number(answer.headers['content-length']) > LAYER_MIN_BYTES;
      const hold = isLayer && method === 'GET' ? held : undefined;
      if (hold !== undefined) held = undefined;
      void carry(answer, outgoing, hold);
    });
    inner.on('error', () => outgoing.destroy());
    outgoing.on('close', () => inner.destroy());
    incoming.pipe(inner);
  };
  const server = createServer((incoming, outgoing) => {
    const path = (incoming.url ?? '').replace(/\?.*$/s, '');
    calls.push(`${incoming.method} ${path}`);
    const refusal = decide(path);
    if (refusal === undefined) return pass(incoming, outgoing);
    const { status, headers, code, message } = refusal;
    outgoing.writeHead(status, { 'content-type': 'application/json', ...headers });
    outgoing.end(JSON.stringify({ errors: [{ code, message }] }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    refuse: (next) => {
      decide = next;
    },
    holdLayer: () =>
      new Promise((resolve) => {
        let settle: (fate: LayerFate) => void = () => undefined;
        const decided = new Promise<LayerFate>((done) => (settle = done));
        held = { decided, reached: () => resolve(settle) };
      }),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function carry(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  held: Held | undefined,
): Promise<void> {
  let fate: LayerFate | undefined;
  try {
    for await (const chunk of answer) {
      if (!outgoing.write(chunk as Buffer)) await once(outgoing, 'drain');
      if (held === undefined || fate !== undefined) continue;
      held.reached();
      fate = await held.decided;
      if (fate === 'reset') return void outgoing.socket?.resetAndDestroy();
    }
    outgoing.end();
  } catch {
    // When one end has closed, the other is closed too.
    outgoing.destroy();
  }
}
