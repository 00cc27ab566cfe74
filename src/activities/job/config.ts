import { FinalError } from '../../domain/failure.ts';
import type { ConfigActivities } from '../contract.ts';
import type { Ports } from '../../ports/index.ts';

export function createConfigActivities({
  config,
  log,
}: Pick<Ports, 'config' | 'log'>): ConfigActivities {
  return {
    async loadConfig() {
      const loaded = await config.load().catch((error: unknown) => {
        if (!(error instanceof FinalError)) throw error;
        log.error('config not loaded, the last good one stays in force', { error });
        return config.current();
      });
      return {
        checkIntervalMs: loaded.checkIntervalSeconds * 1000,
        concurrent: loaded.concurrent,
        runners: loaded.runners
          .filter(({ executor }) => executor === 'docker')
          .map((runner) => ({
            key: runner.key,
            name: runner.name,
            limit: runner.limit,
            requestConcurrency: runner.requestConcurrency,
            unhealthyRequestsLimit: runner.unhealthyRequestsLimit,
            unhealthyIntervalMs: runner.unhealthyIntervalSeconds * 1000,
          })),
      };
    },
  };
}
