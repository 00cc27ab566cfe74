import { once } from 'node:events';
import { request } from 'node:https';
import { WebSocket, type ClientOptions } from 'ws';

/** A session as GitLab knows it from the job request. */
export interface KnownSession {
  readonly url: string;
  readonly authorization: string;
  /** The certificate in PEM. Nothing else is trusted. */
  readonly certificate: string;
}

export const TERMINAL_PROTOCOLS = ['terminal.gitlab.com', 'base64.terminal.gitlab.com'];

/** GitLab's side of a web terminal. */
export interface WorkhorseTerminal {
  readonly socket: WebSocket;
  type(text: string): void;
  /**
   * Resolves with the output so far when it matches. Rejects when the terminal closes before that.
   */
  until(pattern: RegExp): Promise<string>;
  /** Returns the whole output so far. */
  shown(): string;
  readonly closed: Promise<{ readonly code: number }>;
}

/** Connects as Workhorse does: https becomes wss, and only the pinned certificate is trusted. */
export async function openWorkhorseTerminal(
  session: KnownSession,
  options: { readonly protocols?: readonly string[]; readonly client?: ClientOptions } = {},
): Promise<WorkhorseTerminal> {
  const { protocols = TERMINAL_PROTOCOLS, client } = options;
  const url = `${session.url.replace(/^https:/, 'wss:')}/exec`;
  const socket = new WebSocket(url, [...protocols], {
    ca: session.certificate,
    headers: { Authorization: session.authorization },
    ...client,
  });
  const isBase64 = (): boolean => socket.protocol.startsWith('base64.');
  let shown = '';
  const waiting = new Set<() => void>();
  const look = (): void => {
    for (const one of [...waiting]) one();
  };
  socket.on('message', (data, isBinary) => {
    const bytes = data as Buffer;
    if (isBinary === isBase64()) throw new Error('a message of the other kind');
    shown += isBase64() ? Buffer.from(bytes.toString(), 'base64').toString() : bytes.toString();
    look();
  });
  const closed = new Promise<{ code: number }>((resolve) => {
    socket.on('close', (code) => resolve({ code }));
  });
  void closed.then(look);
  await once(socket, 'open'); // This rejects with the error of a refusal.
  return {
    socket,
    closed,
    shown: () => shown,
    type: (text) => {
      const bytes = Buffer.from(text);
      socket.send(isBase64() ? bytes.toString('base64') : bytes);
    },
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const one = (): void => {
          const isOver = socket.readyState === WebSocket.CLOSED;
          if (pattern.test(shown)) resolve(shown);
          else if (isOver) reject(new Error(`closed before ${pattern}: ${shown}`));
          else return;
          waiting.delete(one);
        };
        waiting.add(one);
        one();
      }),
  };
}

/** Returns the status and the whole answer of a refused terminal. */
export async function refusedTerminal(
  session: KnownSession,
): Promise<{ readonly status: number; readonly body: string }> {
  const url = `${session.url.replace(/^https:/, 'wss:')}/exec`;
  const socket = new WebSocket(url, TERMINAL_PROTOCOLS, {
    ca: session.certificate,
    headers: { Authorization: session.authorization },
  });
  socket.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      socket.terminate();
      reject(new Error('a terminal was opened'));
    });
    socket.on('unexpected-response', (_, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
  });
}

/** Sends a plain request to the session server. */
export function askSessionServer(
  session: KnownSession,
  options: { readonly path: string; readonly method?: string; readonly token?: string },
): Promise<{ readonly status: number; readonly body: string }> {
  const { path, method = 'GET', token } = options;
  return new Promise((resolve, reject) => {
    const asking = request(
      new URL(path, session.url),
      {
        ...{ method, ca: session.certificate, agent: false },
        ...(token !== undefined && { headers: { Authorization: token } }),
      },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    asking.on('error', reject);
    asking.end();
  });
}
