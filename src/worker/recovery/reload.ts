import type { Ports } from '../../ports/index.ts';

/** The reloads of config.toml that people ask of this process. */
export interface Reload {
  /** Tells feedRunners to read the config. Never rejects: what fails is left to `retry`. */
  request(): Promise<void>;
  /** Tells it again if the last request has failed. */
  retry(): Promise<void>;
}

/** `signal` tells feedRunners to read this node's config, and rejects when Temporal is away. */
export function createReload(signal: () => Promise<void>, { log }: Pick<Ports, 'log'>): Reload {
  let requested = 0;
  let signaled = 0;
  let underWay = 0;
  const attempt = async (): Promise<void> => {
    const latest = requested;
    underWay += 1;
    try {
      await signal();
      // An older signal says nothing about a later change of the file.
      signaled = Math.max(signaled, latest);
    } finally {
      underWay -= 1;
    }
  };
  return {
    request: async () => {
      requested += 1;
      await attempt().catch((error: unknown) => {
        log.error('reload not signaled, tried again until it is', { error });
      });
    },
    retry: async () => {
      if (signaled === requested || underWay > 0) return;
      await attempt().catch((error: unknown) => {
        log.debug('reload still not signaled', { error });
      });
    },
  };
}
