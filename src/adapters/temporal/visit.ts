import { errorMessage } from '../../domain/error-message.ts';
import { openKeyRing } from '../state/cipher.ts';
import type { StatePaths } from '../state/state-directory.ts';
import { createDataConverter, findConfigured, openClient, type OpenClient } from './connect.ts';
import { findDevServer } from './dev-server.ts';

export interface VisitOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly state: StatePaths;
  /** The Temporal that the node uses, unless the environment names another. */
  readonly noted?: { readonly address: string; readonly namespace: string } | undefined;
}

/**
 * Opens a client of a node's Temporal for an outside observer. This starts and creates nothing. It
 * throws without a running server or without the keys for reading.
 */
export async function visitTemporal({ env, state, noted }: VisitOptions): Promise<OpenClient> {
  const target = findConfigured(withNoted(env, noted)) ?? (await findEmbedded(state));
  const { cipher, isFresh } = await openKeyRing(state.keyRingFile);
  if (isFresh) {
    throw new Error(
      `${state.keyRingFile} is not there: name the config file or the state directory of a runner that has run`,
    );
  }
  try {
    return await openClient(target, createDataConverter(cipher));
  } catch (error) {
    const reason = errorMessage(error);
    const address = target.connectionOptions.address ?? '';
    throw new Error(
      `Temporal at ${address} does not answer: ${reason}. It is the one of the node of this config file, ` +
        'or what TEMPORAL_ADDRESS says; TEMPORAL_TLS, TEMPORAL_API_KEY and their like come from the ' +
        'environment of this command; a node in a container is asked in its container',
      { cause: error },
    );
  }
}

/**
 * Adds the noted address to the environment. Other settings, such as a key, are secrets and come
 * from the environment only.
 */
function withNoted(env: VisitOptions['env'], noted: VisitOptions['noted']): VisitOptions['env'] {
  if (noted === undefined || findConfigured(env) !== undefined) return env;
  return { ...env, TEMPORAL_ADDRESS: noted.address, TEMPORAL_NAMESPACE: noted.namespace };
}

async function findEmbedded({ temporalDir }: StatePaths) {
  const server = await findDevServer(temporalDir);
  if (server === undefined) {
    throw new Error(
      `no Temporal runs for ${temporalDir}: start the runner, or set TEMPORAL_ADDRESS to the one that it uses`,
    );
  }
  return { connectionOptions: { address: server.address }, namespace: server.namespace };
}
