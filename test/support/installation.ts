import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { createFakeGitLab, type FakeGitLab, type FakeGitLabOptions } from './fake-gitlab/index.ts';
import { startRunnerProcess, type RunnerProcess } from './runner-process.ts';

export const JOB_IMAGE = process.env['TGR_TEST_JOB_IMAGE'] ?? 'temporal-gitlab-runner/job:local';
export const HELPER_IMAGE =
  process.env['TGR_TEST_HELPER_IMAGE'] ?? 'temporal-gitlab-runner/helper:local';

export interface InstallationOptions {
  readonly concurrent?: number;
  readonly checkInterval?: number;
  /** Extra lines for each `[[runners]]`, before its tables. */
  readonly runnerToml?: string;
  readonly dockerToml?: string;
  readonly runners?: number;
  readonly gitlab?: Partial<FakeGitLabOptions>;
}

/** A fake GitLab, a config and a state directory; the runner's process comes and goes. */
export interface Installation {
  readonly gitlab: FakeGitLab;
  readonly tokens: readonly string[];
  readonly directory: string;
  readonly configPath: string;
  readonly stateDir: string;
  readonly runner: RunnerProcess;
  /** Starts the runner's process (again) and waits until it is ready. */
  start(env?: Readonly<Record<string, string>>): Promise<RunnerProcess>;
  /** What is left on Docker and in the spool: nothing, once all jobs have ended. */
  leftovers(): Promise<readonly string[]>;
  /** Waits until nothing is left. Containers go while GitLab already has the result. */
  whenClean(timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

const docker = new Docker();

/** Address under which containers of the default bridge reach this host. */
export async function bridgeGateway(): Promise<string> {
  const bridge = (await docker.getNetwork('bridge').inspect()) as {
    IPAM: { Config: { Gateway?: string; Subnet?: string }[] };
  };
  for (const { Gateway, Subnet } of bridge.IPAM.Config) {
    if (Gateway !== undefined) return Gateway;
    // A daemon that has just made its bridge does not name the gateway: it is the first address.
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
    advertiseHost: await bridgeGateway(),
    longPollMs: 2_000,
    ...options.gitlab,
  });
  // Each its own: by them what is left of one installation is told from what another one is using.
  const tokens = Array.from({ length: options.runners ?? 1 }, () => {
    const token = `glrt-${randomBytes(10).toString('hex')}`;
    gitlab.addRunner({ token });
    return token;
  });
  await writeFile(configPath, formatConfig(options, { url: gitlab.url, tokens }), { mode: 0o600 });

  let process_: RunnerProcess | undefined;
  const since = Date.now();
  const installation: Installation = {
    ...{ gitlab, tokens, directory, configPath, stateDir },
    get runner() {
      if (process_ === undefined) throw new Error('the runner was not started');
      return process_;
    },
    start: async (env = {}) => {
      process_ = startRunnerProcess({
        args: ['run', '--config', configPath],
        env: { TEMPORAL_GITLAB_RUNNER_STATE_DIR: stateDir, ...env },
      });
      await process_.whenLog(/"msg":"ready"/);
      return process_;
    },
    leftovers: () => findLeftovers(stateDir, tokens, since),
    whenClean: async (timeoutMs = 30_000) => {
      const endMs = Date.now() + timeoutMs;
      for (;;) {
        const left = await installation.leftovers();
        if (left.length === 0) return;
        if (Date.now() > endMs) throw new Error(`left behind: ${left.join(', ')}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    close: async () => {
      await process_?.end('SIGTERM').catch(() => process_?.end('SIGKILL'));
      await stopOrphanedTemporal(stateDir);
      await gitlab.close();
      await removeCacheVolumes();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return installation;

  async function removeCacheVolumes(): Promise<void> {
    const { Volumes } = await docker.listVolumes();
    const ours = Volumes.filter(({ Labels }) =>
      tokens.some((token) => Labels?.['com.gitlab.gitlab-runner.runner.id'] === shortToken(token)),
    );
    for (const { Name } of ours) await docker.getVolume(Name).remove({ force: true });
  }
}

function shortToken(token: string): string {
  return token.replace(/^glrt-/, '').slice(0, 9);
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
  [runners.docker]
    image = "${JOB_IMAGE}"
    helper_image = "${HELPER_IMAGE}"
    pull_policy = "if-not-present"
${options.dockerToml ?? ''}
`,
  );
  return [
    `concurrent = ${options.concurrent ?? 2}`,
    `check_interval = ${options.checkInterval ?? 1}`,
    ...runners,
  ].join('\n');
}

async function findLeftovers(
  stateDir: string,
  tokens: readonly string[],
  since: number,
): Promise<readonly string[]> {
  const filters = { label: ['temporal-gitlab-runner.build'] };
  const short = new Set(tokens.map(shortToken));
  const isOurs = (labels: Readonly<Record<string, string>> | undefined): boolean =>
    short.has(labels?.['com.gitlab.gitlab-runner.runner.id'] ?? '');
  const containers = await docker.listContainers({ all: true, filters });
  const { Volumes } = await docker.listVolumes({ filters: JSON.stringify(filters) });
  const networks = await docker.listNetworks({ filters });
  const builds = await readdir(join(stateDir, 'builds')).catch(() => []);
  return [
    ...containers
      .filter(({ Labels }) => isOurs(Labels))
      .map(({ Names }) => `container ${Names[0]}`),
    ...(Volumes ?? []).filter(({ Labels }) => isOurs(Labels)).map(({ Name }) => `volume ${Name}`),
    ...networks
      .filter(({ Labels, Created }) => isOurs(Labels) && Date.parse(Created ?? '') >= since)
      .map(({ Name }) => `network ${Name}`),
    ...builds.map((build) => `record ${build}`),
  ];
}

/** After kill -9 of the runner its embedded Temporal lives on, to be adopted; a test ends it by id. */
async function stopOrphanedTemporal(stateDir: string): Promise<void> {
  const { stdout } = await promisify(execFile)('pgrep', ['-f', join(stateDir, 'temporal')]).catch(
    () => ({ stdout: '' }),
  );
  for (const pid of stdout.split('\n').filter(Boolean).map(Number)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it has ended by itself meanwhile
    }
  }
}
