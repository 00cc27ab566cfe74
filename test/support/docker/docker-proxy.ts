import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { handOver } from './hand-over.ts';

export interface DockerCall {
  readonly method: string;
  /** The path without version and query, such as `/containers/create`. */
  readonly path: string;
}

/** An answer that the caller gets instead of Docker's own. */
export interface DockerRefusal {
  readonly status: number;
  readonly message: string;
}

/** The call reaches Docker and its answer is lost, because the caller's connection is closed. */
export const ANSWER_LOST = 'answer lost';

export type Verdict = DockerRefusal | typeof ANSWER_LOST | undefined;

/** A proxy between a runner and its Docker. It can act before it passes a call on. */
export interface DockerProxy {
  /** The value for `[runners.docker] host`. */
  readonly host: string;
  /**
   * Sets the function that is called for each request, until another one is set. When it is called
   * for a connection that is handed over, Docker has already agreed, and the caller gets Docker's
   * answer afterwards.
   */
  intercept(decide: (call: DockerCall) => Promise<Verdict>): void;
  close(): Promise<void>;
}

/** The daemon that all tests use, which must be on this machine. */
const DOCKER_SOCKET = (process.env['DOCKER_HOST'] ?? '/var/run/docker.sock').replace('unix://', '');

export async function startDockerProxy(): Promise<DockerProxy> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-docker-proxy-'));
  const socketPath = join(directory, 'd.sock');
  let decide: (call: DockerCall) => Promise<Verdict> = () => Promise.resolve(undefined);
  const server = createServer((incoming, answer) => {
    const { method = '', url = '', headers } = incoming;
    const path = url.replace(/^\/v[\d.]+/, '').replace(/\?.*$/, '');
    void decide({ method, path }).then((verdict) => {
      if (typeof verdict === 'object') {
        incoming.resume();
        answer.writeHead(verdict.status, { 'content-type': 'application/json' });
        answer.end(JSON.stringify({ message: verdict.message }));
        return;
      }
      // Each call has a separate connection, because the end of one call must not end another one.
      const options = {
        socketPath: DOCKER_SOCKET,
        agent: false,
        method,
        path: url,
        // When the headers ask Docker to close, it may close before it has written the last piped
        // bytes.
        headers: { ...headers, connection: 'keep-alive' },
      } as const;
      const outgoing = request(options, (reply) => {
        if (verdict === ANSWER_LOST) {
          reply.resume().once('end', () => answer.destroy());
          return;
        }
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      });
      outgoing.on('error', () => answer.destroy());
      answer.on('close', () => outgoing.destroy());
      // The body is sent in one piece, because Docker may answer and close before a second piece
      // could be written.
      const whole = buffer(incoming);
      whole.then(
        (body) => outgoing.end(body),
        () => outgoing.destroy(),
      );
    });
  });
  server.on('upgrade', (incoming, connection, head) => {
    const { method = '', url = '' } = incoming;
    const path = url.replace(/^\/v[\d.]+/, '').replace(/\?.*$/, '');
    const agreed = (): Promise<unknown> => decide({ method, path });
    handOver({ incoming, connection, head }, { dockerSocket: DOCKER_SOCKET, agreed });
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
