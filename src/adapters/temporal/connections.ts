import { Connection, type ConnectionOptions } from '@temporalio/client';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { createListeners, type Listeners } from '../../domain/listeners.ts';
import { leaveOn } from '../host/leave-on.ts';
import { createClientRetries } from './client-retries.ts';

const MAX_RECONNECT_PAUSE_MS = 2_000;
/**
 * Time limit for one attempt to connect. Packets of this attempt may be lost while those of the
 * next one arrive.
 */
const RENEW_LIMIT_MS = 2_000;

/** The connection of a client, and a method that closes it. */
export interface OpenConnection {
  readonly connection: Connection;
  close(): Promise<void>;
}

/** The connections of a node: one for its client, and one for its workers. */
export interface Connections {
  /** The client's connection. Each call uses the newest connection at that moment. */
  readonly connection: Connection;
  /** Returns the newest connection for workers. */
  native(): NativeConnection;
  /**
   * Opens one more connection for workers. Closes this connection when `use` fails, otherwise
   * together with the others.
   */
  another<T>(use: (connection: NativeConnection) => Promise<T>): Promise<T>;
  /** Told when there are new connections, so that the workers change to the new one. */
  readonly renewals: Pick<Listeners, 'add'>;
  /**
   * Replaces both connections. Calls in progress keep theirs until the renewal after this one.
   * Rejects, and replaces none, when the server does not answer soon.
   */
  renew(): Promise<void>;
  /**
   * Closes all connections, and waits for a renewal in progress. Does not wait for an attempt to
   * connect that a renewal has given up, which closes its own connections.
   */
  close(): Promise<void>;
}

/**
 * Without this setting gRPC would use the proxy of the environment, even for a Temporal on this
 * machine. The workers' connections use no proxy either.
 */
export const NO_PROXY = { 'grpc.enable_http_proxy': 0 };

export async function openConnection(options: ConnectionOptions): Promise<OpenConnection> {
  const retries = createClientRetries();
  const connection = Connection.lazy({
    ...options,
    interceptors: [retries.interceptor],
    channelArgs: {
      ...NO_PROXY,
      // By default gRPC waits up to two minutes before it tries a lost server again.
      'grpc.max_reconnect_backoff_ms': MAX_RECONNECT_PAUSE_MS,
      // Otherwise a new connection would share the old one's socket, and wait for the same lost
      // packets.
      'grpc.use_local_subchannel_pool': 1,
    },
  });
  const close = async (): Promise<void> => {
    await retries.end();
    await connection.close();
  };
  try {
    await connection.ensureConnected();
  } catch (error) {
    await close();
    throw error;
  }
  return { connection, close };
}

interface Pair {
  readonly client: OpenConnection;
  readonly native: NativeConnection;
}

function openNative(options: ConnectionOptions): Promise<NativeConnection> {
  // envconfig returns options for both kinds of connection, but declares only the client's.
  return NativeConnection.connect(options as NativeConnectionOptions);
}

async function openPair(options: ConnectionOptions): Promise<Pair> {
  const native = await openNative(options);
  try {
    return { native, client: await openConnection(options) };
  } catch (error) {
    await native.close();
    throw error;
  }
}

async function closePair({ client, native }: Pair): Promise<void> {
  try {
    await native.close();
  } finally {
    await client.close();
  }
}

/** Opens the connections of a node. */
export async function openConnections(options: ConnectionOptions): Promise<Connections> {
  let current = await openPair(options);
  /** The replaced connections, which calls from before the last renewal may still use. */
  let previous: Pair | undefined;
  let closing = Promise.resolve();
  /** Settles when no renewal is in progress any more. */
  let renewing: Promise<void> = Promise.resolve();
  let isClosed = false;
  const renewals = createListeners();
  const others: NativeConnection[] = [];
  const renew = async (): Promise<void> => {
    const next = await openSoon(options);
    if (isClosed) return closePair(next);
    const old = previous;
    [previous, current] = [current, next];
    renewals.tell();
    // The new connections need not wait for the end of retries on the old ones.
    if (old !== undefined) closing = closePair(old).catch(() => undefined);
  };
  return {
    connection: forwardTo(() => current.client.connection),
    native: () => current.native,
    another: async (use) => {
      const other = await openNative(options);
      try {
        const used = await use(other);
        others.push(other);
        return used;
      } catch (error) {
        await other.close();
        throw error;
      }
    },
    renewals,
    renew: () => {
      const renewal = renew();
      // Without its result, because that would keep the results of all renewals before it.
      renewing = Promise.allSettled([renewing, renewal]).then(() => undefined);
      return renewal;
    },
    close: async () => {
      isClosed = true;
      await closing;
      try {
        if (previous !== undefined) await closePair(previous);
      } finally {
        const last = others.map((other) => other.close());
        const ends = await Promise.allSettled([closePair(current), renewing, ...last]);
        throwFirst(ends);
      }
    },
  };
}

/** Throws the first failure, after everything has ended. */
function throwFirst(ends: readonly PromiseSettledResult<unknown>[]): void {
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

async function openSoon(options: ConnectionOptions): Promise<Pair> {
  const limit = AbortSignal.timeout(RENEW_LIMIT_MS);
  const opening = openPair({ ...options, connectTimeout: RENEW_LIMIT_MS });
  try {
    return await leaveOn(limit, opening);
  } catch (error) {
    // The attempt may still succeed later. Nobody uses its connections then, so they are closed.
    void opening.then(closePair).catch(() => undefined);
    throw error;
  }
}

/** Returns a connection that passes each call on to the current connection. */
function forwardTo(current: () => Connection): Connection {
  return new Proxy(current(), {
    get: (_first, key) => {
      const connection = current();
      const value: unknown = Reflect.get(connection, key, connection);
      if (typeof value !== 'function') return value;
      return (...args: readonly unknown[]): unknown => Reflect.apply(value, connection, args);
    },
  });
}
