import { execFileSync } from 'node:child_process';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CLI } from './command.ts';
import type { Installation } from './installation.ts';
import { buildsOf, findLeftovers, whenNothingLeft } from './leftovers.ts';
import { startRunnerProcess, whenReady, type RunnerProcess } from './runner-process.ts';

/** Another node of an installation's fleet. It uses the same Docker. */
export interface SecondNode {
  readonly stateDir: string;
  readonly runner: RunnerProcess;
  leftovers(): Promise<readonly string[]>;
  /** Waits until this node has nothing left of any job. */
  whenDone(timeoutMs?: number): Promise<void>;
  /** Waits until nothing is left on both nodes. */
  whenBothClean(timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

function tail({ lines }: RunnerProcess): string {
  return lines.slice(-15).join('\n');
}

/** Follows docs/second-node.md in a shell that knows only the config file of the first node. */
function handOverKeys(
  firstConfigPath: string,
  second: { readonly configPath: string; readonly stateDir: string },
): void {
  const run = (args: readonly string[], env: NodeJS.ProcessEnv, input = ''): string =>
    execFileSync(process.execPath, [CLI, 'keys', ...args], {
      ...{ input, env: { ...process.env, ...env }, encoding: 'utf8' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  const keys = run(['export', '--config', firstConfigPath], {});
  run(
    ['import', '--config', second.configPath],
    { TEMPORAL_GITLAB_RUNNER_STATE_DIR: second.stateDir },
    keys,
  );
}

/**
 * Starts a node that behaves like another machine: it has its own state directory and system id. It
 * shares config, keys and Temporal with the first node.
 */
export async function startSecondNode(
  { directory, stateDir: firstStateDir, configPath, tokens, runner: first }: Installation,
  env: Readonly<Record<string, string>> = {},
  name = 'second',
): Promise<SecondNode> {
  const home = join(directory, name);
  const stateDir = join(home, 'state');
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await cp(configPath, join(home, 'config.toml'));
  await writeFile(join(home, '.runner_system_id'), `s_${name.padEnd(12, '0')}`);
  handOverKeys(configPath, { configPath: join(home, 'config.toml'), stateDir });
  const ready = await whenReady(first);
  const runner = startRunnerProcess({
    args: ['run', '--config', join(home, 'config.toml')],
    env: {
      TEMPORAL_GITLAB_RUNNER_STATE_DIR: stateDir,
      TEMPORAL_ADDRESS: ready.temporal,
      ...env,
    },
  });
  await whenReady(runner);
  return {
    stateDir,
    runner,
    leftovers: () => findLeftovers({ stateDir, tokens }),
    whenDone: async (timeoutMs = 60_000) => {
      const endMs = performance.now() + timeoutMs;
      for (;;) {
        const builds = await buildsOf(stateDir);
        if (builds.length === 0) return;
        if (performance.now() > endMs) throw new Error(`still there: ${builds.join(', ')}`);
        await delay(100);
      }
    },
    whenBothClean: async (timeoutMs = 60_000) => {
      try {
        await whenNothingLeft({ stateDir: firstStateDir, tokens }, timeoutMs);
        await whenNothingLeft({ stateDir, tokens }, timeoutMs);
      } catch (error) {
        const said = `the first node:\n${tail(first)}\nthe second node:\n${tail(runner)}`;
        throw new Error(`${String(error)}; last lines of ${said}`, { cause: error });
      }
    },
    close: async () => {
      await runner.end('SIGTERM').catch(() => runner.end('SIGKILL'));
    },
  };
}
