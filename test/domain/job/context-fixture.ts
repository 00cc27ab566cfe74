import type { BuildContext } from '../../../src/domain/context/context.ts';
import { parseJobPayload } from '../../../src/domain/job/parse-payload.ts';
import type { InstallationConfig, RunnerConfig } from '../../../src/domain/runner/config.ts';
import { DOCKER_DEFAULTS, type DockerConfig } from '../../../src/domain/runner/docker-config.ts';

const DOCKER: DockerConfig = { ...DOCKER_DEFAULTS, image: 'alpine', volumes: ['/cache'] };

const RUNNER: RunnerConfig = {
  key: 'runner-key',
  name: 'runner one',
  url: 'https://gitlab.example.com/',
  token: 'glrt-t1_AbCdEfGhIjKl',
  id: 7,
  tlsCaFile: undefined,
  tlsCertFile: undefined,
  tlsKeyFile: undefined,
  executor: 'docker',
  limit: 0,
  requestConcurrency: 1,
  outputLimitBytes: 4096 * 1024,
  buildsDir: '/builds',
  cacheDir: '/cache',
  cloneUrl: '',
  environment: [],
  preGetSourcesScript: '',
  postGetSourcesScript: '',
  preBuildScript: '',
  postBuildScript: '',
  debugTraceDisabled: false,
  isDirectoryDistrusted: false,
  cleansGitConfig: undefined,
  prepareTimeoutSeconds: 0,
  sourcesTimeoutSeconds: 0,
  unhealthyRequestsLimit: 3,
  unhealthyIntervalSeconds: 3600,
  featureFlags: {},
  isClonePathForbidden: false,
  docker: DOCKER,
};

/** A payload as GitLab sends it, with changed parts. */
export function payloadJson(changes: Readonly<Record<string, unknown>> = {}) {
  return {
    id: 4711,
    token: 'glcbt-job-token',
    allow_git_fetch: true,
    job_info: { name: 'build', stage: 'test', project_id: 42, pipeline_id: 99 },
    git_info: {
      repo_url: 'https://gitlab-ci-token:glcbt-job-token@gitlab.example.com/group/app.git',
      ref: 'main',
      sha: '0123456789abcdef0123456789abcdef01234567',
      refspecs: ['+refs/pipelines/99:refs/pipelines/99'],
      depth: 20,
    },
    runner_info: { timeout: 3600 },
    steps: [{ name: 'script', script: ['make'] }],
    image: { name: 'alpine:3' },
    ...changes,
  };
}

export interface ContextChanges {
  readonly job?: Readonly<Record<string, unknown>>;
  readonly runner?: Partial<RunnerConfig>;
  readonly volumes?: readonly string[];
  readonly context?: Partial<BuildContext>;
}

export function contextOf({ job, runner, volumes, context }: ContextChanges = {}): BuildContext {
  const docker = volumes === undefined ? DOCKER : { ...DOCKER, volumes };
  return {
    buildId: 'build/gitlab.example.com/4711',
    job: parseJobPayload(payloadJson(job)),
    rejection: undefined,
    runner: { ...RUNNER, docker, ...runner },
    systemId: 's_0123456789ab',
    concurrentId: 3,
    concurrentProjectId: 1,
    entropy: '0123456789abcdef',
    correlationId: 'correlation',
    tlsCaPem: undefined,
    tlsCertPem: undefined,
    tlsKeyPem: undefined,
    receivedAtMs: 0,
    program: {
      name: 'temporal-gitlab-runner',
      version: '1.2.3',
      revision: 'abcdef12',
      platform: 'linux/amd64',
      hostname: 'node-1',
    },
    ...context,
  };
}

/** The changes that give the job these variables. */
export function withVariables(
  variables: Readonly<Record<string, string>>,
  job = {},
): ContextChanges {
  const list = Object.entries(variables).map(([key, value]) => ({ key, value }));
  return { job: { ...job, variables: list } };
}

/** A configuration with these runners. */
export function configOf(runners: readonly RunnerConfig[], concurrent = 1): InstallationConfig {
  return {
    concurrent,
    checkIntervalSeconds: 3,
    logLevel: 'info',
    logFormat: 'json',
    shutdownTimeoutSeconds: 30,
    runners,
  };
}
