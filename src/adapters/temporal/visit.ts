import type { Client } from '@temporalio/client';
import { openKeyRing } from '../cipher.ts';
import type { StatePaths } from '../state-directory.ts';
import { createDataConverter, findConfigured, openClient } from './connect.ts';
import { findDevServer } from './dev-server.ts';

export interface VisitOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly state: StatePaths;
}

/**
 * A client of the Temporal that a node uses, for somebody who looks in from beside. Nothing is
 * started or made: without a server that runs, or the keys to read by, it fails and says so.
 */
export async function visitTemporal({ env, state }: VisitOptions): Promise<Client> {
  const target = findConfigured(env) ?? (await findEmbedded(state));
  const { cipher, isFresh } = await openKeyRing(state.keyRingFile);
  if (isFresh) {
    throw new Error(
      `${state.keyRingFile} is not there: name the config file or the state directory of a runner that has run`,
    );
  }
  return openClient(target, createDataConverter(cipher));
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
