import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { createFakeGitLab, type FakeGitLab, type FakeGitLabOptions } from './fake-gitlab/index.ts';
import { HELPER_IMAGE, JOB_IMAGE } from './docker/images.ts';
import {
  endOrphanedTemporal,
  findLeftovers,
  removeFromDocker,
  whenNothingLeft,
} from './leftovers.ts';
import { startRunnerProcess, whenReady, type RunnerProcess } from './runner-process.ts';

export { HELPER_IMAGE, JOB_IMAGE };

export interface InstallationOptions {
  /** How long a start of the runner may take, in milliseconds. */
  readonly readyLimitMs?: number | undefined;
  readonly concurrent?: number;
  readonly checkInterval?: number;
  /** Additional lines for each `[[runners]]`. They come before its tables. */
  readonly runnerToml?: string;
  readonly dockerToml?: string;
  /**
   * Additional lines of `[runners.docker]`: one entry for each runner. They are added to
   * `dockerToml`.
   */
  readonly dockerTomls?: readonly string[];
  /** Additional lines of `[[runners]]` for each entry of `dockerTomls`, after `runnerToml`. */
  readonly runnerTomls?: readonly string[];
  readonly runners?: number;
  /** These variables are added to the environment of the runner's process. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that replaces itself with the runner's program, such as `nice`. */
  readonly launcher?: readonly string[];
  readonly gitlab?: Partial<FakeGitLabOptions>;
  /** Returns the address of a proxy before the fake. The address is written into config.toml. */
  readonly gitlabUrl?: (gitlab: FakeGitLab) => Promise<string>;
  /** The daemon that runs the jobs, instead of the usual one. */
  readonly daemon?: OtherDaemon;
}

export interface OtherDaemon {
  readonly host: string;
  /** The address of this machine for containers. */
  readonly gateway: string;
  /** The network of the jobs. The default is the daemon's own network (`host`). */
  readonly networkMode?: string;
}

/**
 * A fake GitLab, a config file and a state directory. Runner processes use them one after another.
 */
export interface Installation {
  readonly gitlab: FakeGitLab;
  readonly tokens: readonly string[];
  readonly directory: string;
  readonly configPath: string;
  readonly stateDir: string;
  readonly runner: RunnerProcess;
  /**
   * Starts the runner's process and waits until it is ready. `cli` is the program of another build.
   */
  start(env?: Readonly<Record<string, string>>, cli?: string): Promise<RunnerProcess>;
  /** Finds what is left in Docker and in the spool. After all jobs there must be nothing. */
  leftovers(): Promise<readonly string[]>;
  /**
   * Waits until nothing is left. The wait is needed, because GitLab has the result before the
   * containers are removed.
   */
  whenClean(timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

const docker = new Docker();

/** Returns the address of this host for containers of the default bridge. */
export async function bridgeGateway(): Promise<string> {
  const bridge = (await docker.getNetwork('bridge').inspect()) as {
    IPAM: { Config: { Gateway?: string; Subnet?: string }[] };
  };
  for (const { Gateway, Subnet } of bridge.IPAM.Config) {
    if (Gateway !== undefined) return Gateway;
    // A daemon that has just created its bridge does not report the gateway, which is the first
    // address.
    const network = /^(\d+\.\d+\.\d+)\.0\//.exec(Subnet ?? '')?.[1];
    if (network !== undefined) return `${network}.1`;
  }
  throw new Error('the bridge network of Docker has no gateway');
}

export async function openInstallation(options: InstallationOptions = {}): Promise<Installation> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-system-'));
  const configPath = join(directory, 'config.toml');
  const stateDir = join(directory, 'state');
  const gitlab = await createFakeGitLab({
    host: '0.0.0.0',
    advertiseHost: options.daemon?.gateway ?? (await bridgeGateway()),
    longPollMs: 2_000,
    ...options.gitlab,
  });
  // The tokens distinguish what this installation leaves in Docker from the objects of other tests.
  const tokens = Array.from({ length: options.dockerTomls?.length ?? options.runners ?? 1 }, () => {
    const token = `glrt-${randomBytes(10).toString('hex')}`;
    gitlab.addRunner({ token });
    return token;
  });
  const url = (await options.gitlabUrl?.(gitlab)) ?? gitlab.url;
  await writeFile(configPath, formatConfig(options, { url, tokens }), { mode: 0o600 });

  let process_: RunnerProcess | undefined;
  const place = { stateDir, tokens, dockerHost: options.daemon?.host };
  const installation: Installation = {
    ...{ gitlab, tokens, directory, configPath, stateDir },
    get runner() {
      if (process_ === undefined) throw new Error('the runner was not started');
      return process_;
    },
    start: async (env = {}, cli) => {
      process_ = startRunnerProcess({
        cli,
        launcher: options.launcher,
        args: ['run', '--config', configPath],
        env: { TEMPORAL_GITLAB_RUNNER_STATE_DIR: stateDir, ...options.env, ...env },
      });
      await whenReady(process_, options.readyLimitMs);
      return process_;
    },
    leftovers: () => findLeftovers(place),
    whenClean: (timeoutMs = 60_000) => whenNothingLeft(place, timeoutMs),
    close: async () => {
      await process_?.end('SIGTERM').catch(() => process_?.end('SIGKILL'));
      await endOrphanedTemporal(stateDir);
      await gitlab.close();
      await removeFromDocker(place);
      await rm(directory, { recursive: true, force: true });
    },
  };
  return installation;
}

/** Closes an installation. Fails when it has left something or has broken GitLab's protocol. */
export async function finish(installation: Installation): Promise<void> {
  try {
    await installation.whenClean();
    assert.deepEqual(installation.gitlab.violations, []);
  } finally {
    await installation.close();
  }
}

function formatConfig(
  options: InstallationOptions,
  { url, tokens }: { readonly url: string; readonly tokens: readonly string[] },
): string {
  const runners = tokens.map(
    (token, index) => `
[[runners]]
  name = "system-test-${index}"
  url = "${url}"
  token = "${token}"
  executor = "docker"
${options.runnerToml ?? ''}
${options.runnerTomls?.[index] ?? ''}
  [runners.docker]
    image = "${JOB_IMAGE}"
    helper_image = "${HELPER_IMAGE}"
    pull_policy = "if-not-present"
${formatDaemon(options)}${options.dockerToml ?? ''}
${options.dockerTomls?.[index] ?? ''}
`,
  );
  return [
    `concurrent = ${options.concurrent ?? 2}`,
    `check_interval = ${options.checkInterval ?? 1}`,
    ...runners,
  ].join('\n');
}

function formatDaemon({ daemon }: InstallationOptions): string {
  if (daemon === undefined) return '';
  const { host, networkMode = 'host' } = daemon;
  return `    host = "${host}"\n    network_mode = "${networkMode}"\n`;
}
