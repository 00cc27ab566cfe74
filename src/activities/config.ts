import type { ConfigActivities } from './contract.ts';
import type { Ports } from './ports.ts';

export function createConfigActivities({ config }: Ports): ConfigActivities {
  return {
    async loadConfig() {
      const loaded = await config.load();
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
