import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface DockerCall {
  readonly method: string;
  /** Without version and query: `/containers/create`. */
  readonly path: string;
}

/** Docker's answer instead of its own. */
export interface DockerRefusal {
  readonly status: number;
  readonly message: string;
}

/** Stands between a runner and its Docker, and does something before calls get through. */
export interface DockerProxy {
  /** For `[runners.docker] host`. */
  readonly host: string;
  /** Is asked at every call until it is another's turn. */
  intercept(decide: (call: DockerCall) => Promise<DockerRefusal | undefined>): void;
  close(): Promise<void>;
}

const DOCKER_SOCKET = '/var/run/docker.sock';

export async function startDockerProxy(): Promise<DockerProxy> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-docker-proxy-'));
  const socketPath = join(directory, 'd.sock');
  let decide: (call: DockerCall) => Promise<DockerRefusal | undefined> = () =>
    Promise.resolve(undefined);
  const server = createServer((incoming, answer) => {
    const { method = '', url = '', headers } = incoming;
    const path = url.replace(/^\/v[\d.]+/, '').replace(/\?.*$/, '');
    void decide({ method, path }).then((refusal) => {
      if (refusal !== undefined) {
        incoming.resume();
        answer.writeHead(refusal.status, { 'content-type': 'application/json' });
        answer.end(JSON.stringify({ message: refusal.message }));
        return;
      }
      // A connection of its own: ending this call must not end another one's.
      const options = {
        socketPath: DOCKER_SOCKET,
        agent: false,
        method,
        path: url,
        // Told to close, Docker may do so before the last of what is piped has been written.
        headers: { ...headers, connection: 'keep-alive' },
      } as const;
      const outgoing = request(options, (reply) => {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      });
      outgoing.on('error', () => answer.destroy());
      answer.on('close', () => outgoing.destroy());
      incoming.pipe(outgoing);
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    host: `unix://${socketPath}`,
    intercept: (next) => {
      decide = next;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };
}
