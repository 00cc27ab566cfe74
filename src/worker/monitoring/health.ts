import { leaveOn } from '../../adapters/host/leave-on.ts';
import type { NodeMetrics } from '../../adapters/metrics/metrics.ts';
import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import {
  judgeGitLab,
  judgeReadiness,
  type Readiness,
  type ReadinessCheck,
} from '../../domain/metrics/readiness.ts';
import type { InstallationConfig, RunnerConfig } from '../../domain/runner/config.ts';

/** Nobody who asks for the health of a node waits longer than this. */
const CHECK_MS = 3_000;

export interface HealthScope {
  readonly metrics: NodeMetrics;
  readonly config: InstallationConfig;
  /** Why config.toml could not be read the last time; undefined when it could. */
  readonly configFault: string | undefined;
  readonly capacity: Pick<ResizableCapacity, 'pauses'>;
  readonly processState: string;
  readonly nowMs: number;
  /** undefined while the node is being opened. */
  readonly peers: Peers | undefined;
}

/** The state of what a node depends on. */
export interface Peers {
  isTemporalThere(): Promise<boolean>;
  isDockerThere(runner: RunnerConfig): Promise<boolean>;
}

/**
 * Checks everything that a node needs. The answer names what is wrong, but no address and no token.
 */
export async function lookAtHealth(scope: HealthScope): Promise<Readiness> {
  const [temporal, docker] = await Promise.all([checkTemporal(scope), checkDocker(scope)]);
  return judgeReadiness([
    checkProcess(scope),
    checkConfig(scope),
    temporal,
    docker,
    checkGitLab(scope),
    checkDisk(scope),
  ]);
}

function checkProcess({ processState }: HealthScope): ReadinessCheck {
  return { name: 'process', isOk: processState === 'running', reason: processState };
}

function checkConfig({ configFault, config }: HealthScope): ReadinessCheck {
  const reason =
    configFault === undefined
      ? `${config.runners.length} runners`
      : 'the file cannot be used, its last good settings are in force: see the log';
  return { name: 'config', isOk: configFault === undefined, reason };
}

async function checkTemporal({ peers }: HealthScope): Promise<ReadinessCheck> {
  if (peers === undefined) return { name: 'temporal', isOk: false, reason: 'not connected yet' };
  const isOk = await within(peers.isTemporalThere());
  return { name: 'temporal', isOk, reason: isOk ? 'answers' : 'does not answer' };
}

async function checkDocker({ peers, config }: HealthScope): Promise<ReadinessCheck> {
  if (peers === undefined) return { name: 'docker', isOk: false, reason: 'not asked yet' };
  const answers = await Promise.all(
    config.runners.map(async (runner) => ({
      name: runner.name,
      isThere: await within(peers.isDockerThere(runner)),
    })),
  );
  const away = answers.filter(({ isThere }) => !isThere).map(({ name }) => name);
  const reason = away.length === 0 ? 'answers' : `does not answer for ${away.join(', ')}`;
  return { name: 'docker', isOk: away.length === 0, reason };
}

/** Returns false when the check takes too long. */
function within(check: Promise<boolean>): Promise<boolean> {
  const limit = AbortSignal.timeout(CHECK_MS);
  return leaveOn(limit, check).catch((error: unknown) => {
    if (limit.aborted) return false;
    throw error;
  });
}

function checkGitLab({ metrics, config, nowMs }: HealthScope): ReadinessCheck {
  const answers = config.runners.flatMap(({ key, name }) => {
    const { lastContact } = metrics.runners.read(key);
    if (lastContact === undefined) return [];
    const { status, atMs } = lastContact;
    return [{ runnerName: name, status, ageSeconds: (nowMs - atMs) / 1000 }];
  });
  return judgeGitLab(answers);
}

const SHORTAGES: Readonly<Record<string, string>> = {
  disk: 'the disk is full, make room in the state directory',
  'open files': 'too many files are open, raise the limit (ulimit -n)',
};

function checkDisk({ capacity }: HealthScope): ReadinessCheck {
  // A drained node is ready for what it has, so its drain is no shortage.
  const short = capacity.pauses.flatMap((pause) => SHORTAGES[pause] ?? []);
  const reason =
    short.length === 0 ? 'room for builds' : `no job is asked for: ${short.join('; ')}`;
  return { name: 'disk', isOk: short.length === 0, reason };
}
