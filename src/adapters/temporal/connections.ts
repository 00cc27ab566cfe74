import { Connection, type ConnectionOptions } from '@temporalio/client';
import { NativeConnection, type NativeConnectionOptions } from '@temporalio/worker';
import { createListeners, type Listeners } from '../../domain/listeners.ts';
import { leaveOn } from '../host/leave-on.ts';
import { createClientRetries } from './client-retries.ts';

const MAX_RECONNECT_PAUSE_MS = 2_000;
/** An attempt to connect anew may last this long. Its packets may be lost, and the next's arrive. */
const RENEW_LIMIT_MS = 2_000;

/** The connection of a client, and a method that closes it. */
export interface OpenConnection {
  readonly connection: Connection;
  close(): Promise<void>;
}

/** The connections of a node: one of its client, one of its workers. */
export interface Connections {
  /** Each call on it uses the connection that is the newest at that moment. */
  readonly connection: Connection;
  /** The newest one for workers. */
  native(): NativeConnection;
  /**
   * Opens one more for workers, and closes it when `use` fails. Otherwise it is closed together with
   * the others.
   */
  another<T>(use: (connection: NativeConnection) => Promise<T>): Promise<T>;
  /** Told when there are new ones, and the workers must change to theirs. */
  readonly renewals: Pick<Listeners, 'add'>;
  /**
   * Replaces both connections. Calls in progress keep theirs until the renewal after this one.
   * Rejects, and replaces none, when the server does not answer soon.
   */
  renew(): Promise<void>;
  close(): Promise<void>;
}

export async function openConnection(options: ConnectionOptions): Promise<OpenConnection> {
  const retries = createClientRetries();
  const connection = Connection.lazy({
    ...options,
    interceptors: [retries.interceptor],
    channelArgs: {
      // By default gRPC waits up to two minutes before it tries a lost server again.
      'grpc.max_reconnect_backoff_ms': MAX_RECONNECT_PAUSE_MS,
      // Otherwise a new connection would wait for the same lost packets as the one that it replaces.
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
  /** Calls that began before the last renewal may still use it. */
  let previous: Pair | undefined;
  let closing = Promise.resolve();
  let isClosed = false;
  const renewals = createListeners();
  const others: NativeConnection[] = [];
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
    renew: async () => {
      const next = await openSoon(options);
      if (isClosed) return closePair(next);
      const old = previous;
      [previous, current] = [current, next];
      renewals.tell();
      // The new connections need not wait for the end of retries on the old ones.
      if (old !== undefined) closing = closePair(old).catch(() => undefined);
    },
    close: async () => {
      isClosed = true;
      await closing;
      try {
        if (previous !== undefined) await closePair(previous);
      } finally {
        await Promise.all([closePair(current), ...others.map((other) => other.close())]);
      }
    },
  };
}

async function openSoon(options: ConnectionOptions): Promise<Pair> {
  const limit = AbortSignal.timeout(RENEW_LIMIT_MS);
  const opening = openPair({ ...options, connectTimeout: RENEW_LIMIT_MS });
  try {
    return await leaveOn(limit, opening);
  } catch (error) {
    // The attempt may still succeed. Nobody would use what it opens.
    void opening.then(closePair).catch(() => undefined);
    throw error;
  }
}

/** Returns a connection that does each call on the current one. */
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
