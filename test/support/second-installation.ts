import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Installation } from './installation.ts';
import { endOrphanedTemporal, findLeftovers, whenNothingLeft } from './leftovers.ts';
import { startRunnerProcess, whenReady, type RunnerProcess } from './runner-process.ts';

/**
 * Another machine with the same config. It shares GitLab, token and Docker with the first one, and
 * nothing else.
 */
export interface SecondInstallation {
  readonly runner: RunnerProcess;
  leftovers(): Promise<readonly string[]>;
  whenClean(timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

export async function startSecondInstallation({
  directory,
  configPath,
  tokens,
}: Installation): Promise<SecondInstallation> {
  const home = join(directory, 'other');
  const stateDir = join(home, 'state');
  await mkdir(home, { recursive: true, mode: 0o700 });
  await cp(configPath, join(home, 'config.toml'));
  const runner = startRunnerProcess({
    args: ['run', '--config', join(home, 'config.toml')],
    env: { TEMPORAL_GITLAB_RUNNER_STATE_DIR: stateDir },
  });
  await whenReady(runner);
  return {
    runner,
    leftovers: () => findLeftovers({ stateDir, tokens }),
    whenClean: (timeoutMs = 60_000) => whenNothingLeft({ stateDir, tokens }, timeoutMs),
    close: async () => {
      await runner.end('SIGTERM').catch(() => runner.end('SIGKILL'));
      await endOrphanedTemporal(stateDir);
    },
  };
}
