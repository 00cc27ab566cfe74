import type { VisitOptions } from '../adapters/temporal/visit.ts';
import type { OpenClient } from '../adapters/temporal/connect.ts';
import type { RunnerConfig } from '../domain/runner/config.ts';
import type { Log, TerminalEngine } from '../ports/index.ts';

/** The servers that commands speak with. Tests use others. */
export interface CommandPorts {
  /** Rejects where the node has no Temporal that answers. */
  visitTemporal(options: VisitOptions): Promise<OpenClient>;
  /** The engine that runs the containers of a runner. */
  openTerminalEngine(options: TerminalEngineOptions): Promise<TerminalEngine>;
}

export interface TerminalEngineOptions {
  readonly runner: RunnerConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** Each client is loaded when it is used: most commands need none. */
export const realPorts: CommandPorts = {
  visitTemporal: async (options) =>
    (await import('../adapters/temporal/visit.ts')).visitTemporal(options),
  openTerminalEngine: async ({ runner, ...rest }) => {
    const { createContainerEngines } = await import('../adapters/docker/engines.ts');
    // Nothing is made here, so it does not matter for which installation.
    return createContainerEngines({ ...rest, installation: '' })(runner);
  },
};
