import { setTimeout as delay } from 'node:timers/promises';
import { Client, type ConnectionOptions } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnection } from '@temporalio/worker';
import { errorMessage } from '../../domain/error-message.ts';
import { inTries, upTo, type TryLimits } from '../../domain/tries.ts';
import type { Log } from '../../ports/index.ts';
import { leaveOn } from '../host/leave-on.ts';
import { programFile } from '../host/program-files.ts';
import type { Cipher } from '../state/cipher.ts';
import { findTemporalCli } from './cli-binary.ts';
import { createPayloadCodec } from './codec.ts';
import { openConnection, openConnections, type Connections } from './connections.ts';
import { startDevServer } from './dev-server.ts';

export interface TemporalOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stateDir: string;
  readonly cipher: Cipher;
  readonly log: Log;
  /** The address at which the UI of an embedded server has payloads decoded. Contains a secret. */
  readonly uiCodecEndpoint?: string | undefined;
  /** Aborts connecting, and ends an embedded server that is starting. */
  readonly signal?: AbortSignal;
}

/** The connections to one Temporal namespace, and a method that closes them. */
export interface Temporal {
  readonly client: Client;
  /** The newest connection for workers. */
  readonly connection: NativeConnection;
  /** Opens one more connection for workers: see `Connections`. */
  readonly another: Connections['another'];
  /** Told when workers must change to another connection. */
  readonly renewals: Connections['renewals'];
  /** Replaces the connections, because those in use may wait for packets that are lost. */
  renew(): Promise<void>;
  readonly namespace: string;
  readonly dataConverter: DataConverter;
  readonly address: string;
  /** The address of the UI; undefined for a server that is not ours. */
  readonly uiAddress: string | undefined;
  close(): Promise<void>;
}

/** The tries are few, because a wrong address must be reported soon at the start. */
const CONNECT_TRIES: TryLimits = { most: 4, pauseMs: 1_000 };

interface Target {
  readonly connectionOptions: ConnectionOptions;
  readonly namespace: string;
  readonly uiAddress: string | undefined;
  stop(): Promise<void>;
}

/**
 * Connects to the Temporal that the environment names (TEMPORAL_ADDRESS, TEMPORAL_API_KEY, a
 * profile file …, as `@temporalio/envconfig` defines them). Otherwise starts the embedded server.
 */
export async function connectTemporal(options: TemporalOptions): Promise<Temporal> {
  const target = findConfigured(options.env) ?? (await startEmbedded(options));
  const { connectionOptions, namespace } = target;
  const address = connectionOptions.address ?? 'localhost:7233';
  try {
    const dataConverter = createDataConverter(options.cipher);
    // An abandoned attempt may still connect, which is harmless because the process ends.
    const connections = await leaveOn(options.signal, connectPatiently(connectionOptions));
    const { connection, renewals, renew, another } = connections;
    return {
      namespace,
      dataConverter,
      address,
      uiAddress: target.uiAddress,
      renewals,
      renew,
      another,
      client: new Client({ connection, namespace, dataConverter }),
      get connection() {
        return connections.native();
      },
      close: async () => {
        try {
          await connections.close();
        } finally {
          await target.stop();
        }
      },
    };
  } catch (error) {
    await target.stop();
    options.signal?.throwIfAborted();
    throw new Error(
      `Temporal at ${address}, namespace "${namespace}", does not answer: ${errorMessage(error)}. ` +
        'Check TEMPORAL_ADDRESS, or unset it to use the embedded server.',
      { cause: error },
    );
  }
}

/** A client, and a method that closes its connection. */
export interface OpenClient {
  readonly client: Client;
  closeClient(): Promise<void>;
}

/**
 * Connects with a few tries, because a server that is overloaded or starting refuses a call, and
 * that alone must not end a node.
 */
async function connectPatiently(options: ConnectionOptions): Promise<Connections> {
  return inTries(() => openConnections(options), {
    nextMs: upTo(CONNECT_TRIES, ({ kind }) => kind === 'failed'),
    pause: (ms) => delay(ms, true),
  });
}

export async function openClient(
  { connectionOptions, namespace }: Pick<Target, 'connectionOptions' | 'namespace'>,
  dataConverter: DataConverter,
): Promise<OpenClient> {
  const { connection, close } = await openConnection(connectionOptions);
  return { client: new Client({ connection, namespace, dataConverter }), closeClient: close };
}

/** Creates the converter that encrypts payloads and failures before they leave the process. */
export function createDataConverter(cipher: Cipher): DataConverter {
  return {
    payloadCodecs: [createPayloadCodec(cipher)],
    // The SDK loads them by `require`, which takes no ES module on Node before 20.19 and 22.12. The
    // build also puts them into the workflow bundle.
    failureConverterPath: programFile('program/failure-converter.cjs'),
    payloadConverterPath: programFile('program/payload-converter.cjs'),
  };
}

/**
 * Returns the Temporal that the environment names, or the file that it names. Temporal's default
 * file is for a person's other programs: a node would leave its own Temporal for theirs.
 */
export function findConfigured(env: TemporalOptions['env']): Target | undefined {
  const overrideEnvVars = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: profile } = env;
  const disableFile = file === undefined && profile === undefined;
  const { connectionOptions, namespace } = loadClientConnectConfig({
    overrideEnvVars,
    disableFile,
  });
  if (connectionOptions.address === undefined) return undefined;
  return {
    connectionOptions,
    namespace: namespace ?? 'default',
    uiAddress: undefined,
    stop: () => Promise.resolve(),
  };
}

async function startEmbedded(options: TemporalOptions): Promise<Target> {
  const { env, stateDir, log, signal, uiCodecEndpoint } = options;
  const binary = await leaveOn(signal, findTemporalCli({ env, log }));
  const server = await startDevServer({
    ...{ binary, stateDir, log, uiCodecEndpoint },
    ...(signal && { signal }),
  });
  return {
    connectionOptions: { address: server.address },
    namespace: server.namespace,
    uiAddress: server.uiAddress,
    stop: () => server.stop(),
  };
}
