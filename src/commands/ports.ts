import type { VisitOptions } from '../adapters/temporal/visit.ts';
import type { OpenClient } from '../adapters/temporal/connect.ts';
import type { RunnerConfig } from '../domain/runner/config.ts';
import type { Log, TerminalEngine } from '../ports/index.ts';

/** The servers that commands talk to. Tests pass others. */
export interface CommandPorts {
  /** Rejects when no Temporal of the node answers. */
  visitTemporal(options: VisitOptions): Promise<OpenClient>;
  /** Opens the engine that runs the containers of a runner. */
  openTerminalEngine(options: TerminalEngineOptions): Promise<TerminalEngine>;
}

export interface TerminalEngineOptions {
  readonly runner: RunnerConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** Each client is loaded only when it is used, because most commands need none. */
export const realPorts: CommandPorts = {
  visitTemporal: async (options) =>
    (await import('../adapters/temporal/visit.ts')).visitTemporal(options),
  openTerminalEngine: async ({ runner, ...rest }) => {
    const { createContainerEngines } = await import('../adapters/docker/engines.ts');
    // The commands create no objects in Docker, so the installation does not matter.
    return createContainerEngines({ ...rest, installation: '' })(runner);
  },
};
