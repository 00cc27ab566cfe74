import type { Sessions } from '../../../src/ports/index.ts';

/** Nobody is at any terminal. */
export const NO_SESSIONS: Sessions = {
  offer: () => undefined,
  timeoutMs: () => 0,
  isConnected: () => false,
  onChange: () => () => undefined,
  end: () => undefined,
};
