import type { Log, LogFields } from '../../../../src/ports/index.ts';
import type { ProgramInfo } from '../../../../src/domain/context/context.ts';
import type { RunnerConfig } from '../../../../src/domain/runner/config.ts';
import { createLargePatches } from '../../../../src/domain/trace/patch-size.ts';
import {
  createCoordinator,
  type ClosableCoordinator,
  type CoordinatorOptions,
} from '../../../../src/adapters/gitlab/coordinator.ts';

export const RUNNER_TOKEN = 'glrt-canary_runner_token';
export const JOB = { jobId: 7, token: 'glcbt-canary_job_token' } as const;

export const PROGRAM: ProgramInfo = {
  name: 'temporal-gitlab-runner',
  version: '1.2.3',
  revision: 'abc1234',
  platform: 'linux/amd64',
  hostname: 'node-1',
};

/** A runner with only the fields that the coordinator reads. Reading another one fails the test. */
function runnerEntry(fields: Partial<RunnerConfig> & { readonly url: string }): RunnerConfig {
  const entry: Partial<RunnerConfig> = {
    key: 'key',
    name: 'test',
    token: RUNNER_TOKEN,
    executor: 'docker',
    environment: [],
    docker: { gpus: '', volumes: [] as readonly string[] } as RunnerConfig['docker'],
    tlsCaFile: undefined,
    tlsCertFile: undefined,
    tlsKeyFile: undefined,
    featureFlags: {},
    ...fields,
  };
  return entry as RunnerConfig;
}

export interface RecordingLog extends Log {
  readonly lines: readonly string[];
}

export function recordingLog(): RecordingLog {
  const lines: string[] = [];
  const write = (level: string) => (message: string, fields?: LogFields) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`);
  };
  return {
    ...{ lines, debug: write('debug'), info: write('info') },
    ...{ warn: write('warn'), error: write('error') },
  };
}

/** Opens a coordinator for a server. `runner` and the other options override the defaults. */
export function openCoordinator(
  url: string,
  {
    runner,
    ...rest
  }: Partial<Omit<CoordinatorOptions, 'runner'>> & {
    readonly runner?: Partial<RunnerConfig>;
  } = {},
): ClosableCoordinator {
  return createCoordinator({
    runner: runnerEntry({ url, ...runner }),
    systemId: 's_0123456789ab',
    program: PROGRAM,
    log: recordingLog(),
    configDir: '/nonexistent',
    env: {},
    largePatches: createLargePatches(),
    ...rest,
  });
}
