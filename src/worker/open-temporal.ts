import {
  connectTemporal,
  type Temporal,
  type TemporalOptions,
} from '../adapters/temporal/connect.ts';
import type { StatePaths } from '../adapters/state/state-directory.ts';
import { openCodec } from './codec/open-codec.ts';
import type { Closers } from './machine/closers.ts';

interface Target extends Pick<TemporalOptions, 'env' | 'cipher' | 'log' | 'signal'> {
  readonly state: Pick<StatePaths, 'temporalDir' | 'codecEndpointFile'>;
}

/**
 * Connects to Temporal, and opens a codec server for its UI. Closing also works during the opening:
 * it then waits for the connection attempt and closes its result.
 */
export async function openTemporal(target: Target, closers: Closers): Promise<Temporal> {
  const { state, ...options } = target;
  const codec = await openCodec({ ...options, endpointFile: state.codecEndpointFile }, closers);
  const connecting = connectTemporal({
    ...options,
    stateDir: state.temporalDir,
    uiCodecEndpoint: codec.endpoint,
  });
  closers.add(async () => {
    await connecting.then(
      (temporal) => temporal.close(),
      () => undefined,
    );
  });
  const temporal = await connecting;
  codec.attach(temporal);
  return temporal;
}
