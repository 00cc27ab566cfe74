import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { basename, dirname } from 'node:path';
import { json } from 'node:stream/consumers';
import { z } from 'zod';
import type { NodeStatus } from '../../domain/metrics/node-status.ts';
import type { Log } from '../../ports/index.ts';
import { openHttpServer } from '../http-server/http-server.ts';
import { answerAt } from '../http-server/routes.ts';
import { errorCode } from '../host/error-code.ts';

// The status is served at a socket and not kept in a file, because a socket costs nothing while
// nobody asks, and its answer is never old.

const ROUTE = '/status';
/** The node itself asks Temporal and Docker before it answers, for three seconds at most. */
const ANSWER_MS = 8_000;
/** The system accepts no longer address: 108 bytes on Linux, 104 elsewhere. */
const MAX_ADDRESS_BYTES = 100;

export interface StatusSocketOptions {
  /** A path in the state directory, which only its owner can enter. */
  readonly path: string;
  readonly log: Log;
  look(): Promise<NodeStatus>;
}

/**
 * Answers the command `status` until it is closed. The caller owns the state directory, so an
 * existing socket belongs to a process that has ended. A node runs without a socket where none can
 * be made.
 */
export async function openStatusSocket(options: StatusSocketOptions): Promise<() => Promise<void>> {
  const { path, log, look } = options;
  const routes = {
    [ROUTE]: async () => ({
      status: 200,
      type: 'json' as const,
      body: `${JSON.stringify(await look())}\n`,
    }),
  };
  try {
    await rm(path, { force: true });
    const address = await shortAddress(path);
    const server = await openHttpServer({
      path: address.path,
      log,
      name: 'status socket',
      answer: answerAt(routes),
    });
    return async () => {
      try {
        await server.close();
      } finally {
        await address.close();
      }
    };
  } catch (error) {
    log.warn('`status` does not find this node: its socket cannot be opened', { path, error });
    return () => Promise.resolve();
  }
}

/** Why a node does not tell its status. */
export type Silence = 'not running' | 'no answer' | 'not allowed';

/** Asks the node with this socket for its status. Returns the status, or why there is no answer. */
export async function askStatus(path: string): Promise<NodeStatus | Silence> {
  const address = await shortAddress(path).catch(() => undefined);
  if (address === undefined) return 'not running';
  try {
    return statusSchema.parse(await ask(address.path));
  } catch (error) {
    return silenceOf(error);
  } finally {
    await address.close();
  }
}

function silenceOf(error: unknown): Silence {
  if (error instanceof z.ZodError) {
    throw new Error('the node is of another version: ask it with its own `status`', {
      cause: error,
    });
  }
  const code = errorCode(error) ?? '';
  if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR'].includes(code)) return 'not running';
  return ['EACCES', 'EPERM'].includes(code) ? 'not allowed' : 'no answer';
}

function ask(socketPath: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const asking = request({ socketPath, path: ROUTE, signal, agent: false }, (answer) => {
      json(answer).then(resolve, reject);
    });
    asking.on('error', reject);
    asking.end();
  });
}

interface SocketAddress {
  readonly path: string;
  close(): Promise<void>;
}

/**
 * Returns the path itself. For a path that is too long for an address, returns one through its open
 * directory.
 */
async function shortAddress(path: string): Promise<SocketAddress> {
  if (Buffer.byteLength(path) <= MAX_ADDRESS_BYTES) {
    return { path, close: () => Promise.resolve() };
  }
  const directory = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  return {
    path: `/proc/self/fd/${directory.fd}/${basename(path)}`,
    close: () => directory.close(),
  };
}

const waits = z.object({
  count: z.number(),
  medianSeconds: z.number().optional(),
  p95Seconds: z.number().optional(),
});

const statusSchema = z.object({
  version: z.string(),
  pid: z.number(),
  state: z.string(),
  uptimeSeconds: z.number(),
  temporal: z
    .object({ address: z.string(), namespace: z.string(), ui: z.string().optional() })
    .optional(),
  slots: z.object({
    concurrent: z.number(),
    builds: z.number(),
    requests: z.number(),
    free: z.number(),
  }),
  isReady: z.boolean(),
  checks: z.array(
    z.object({
      name: z.enum(['config', 'temporal', 'docker', 'gitlab', 'disk', 'process']),
      isOk: z.boolean(),
      reason: z.string(),
    }),
  ),
  runners: z.array(
    z.object({
      key: z.string(),
      name: z.string(),
      running: z.number(),
      requests: z.number(),
      waiting: z.number().optional(),
      queue: waits,
      pickup: waits,
      lastContact: z
        .object({
          secondsAgo: z.number(),
          status: z.number().optional(),
          isServed: z.boolean(),
          words: z.string(),
        })
        .optional(),
    }),
  ),
});
