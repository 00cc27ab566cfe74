import type { ProgramInfo } from './context.ts';
import { RUNNER_FEATURES, type RunnerFeatures } from '../runner/features.ts';
import { GITLAB_RUNNER_RELEASE } from '../runner/release.ts';

/** `info` of job request, verify, register and job update, in GitLab's own key names. */
export interface RunnerInfo {
  readonly name: string;
  /** The version of gitlab-runner. */
  readonly version: string;
  /** The revision of our own source. */
  readonly revision: string;
  readonly platform: string;
  readonly architecture: string;
  readonly executor?: string;
  readonly shell?: string;
  readonly features: RunnerFeatures;
  readonly config: { readonly gpus: string };
}

/**
 * Describes the program to GitLab. `executor` is absent in a legacy registration that has not
 * chosen one yet; executor and shell are then left out. Name and revision are this program's, the
 * version is that of gitlab-runner. Source: gitlab-runner `network/gitlab.go` (getRunnerInfo).
 */
export function runnerInfo(program: ProgramInfo, executor?: string, gpus = ''): RunnerInfo {
  const [platform = '', architecture = ''] = program.platform.split('/');
  return {
    name: program.name,
    version: GITLAB_RUNNER_RELEASE,
    revision: program.revision,
    platform,
    architecture,
    ...(executor !== undefined && { executor, shell: 'bash' }),
    features: RUNNER_FEATURES,
    config: { gpus: gpus.trim() },
  };
}

/**
 * `User-Agent` of API calls. GitLab does not parse it, but people search logs for it. `language` is
 * for example `node20.20.2`. Source: gitlab-runner `common/version.go` (UserAgent).
 */
export function userAgent(program: ProgramInfo, language: string): string {
  const { name, version, revision, platform } = program;
  return `${name} ${version} (${revision}; ${language}; ${platform})`;
}
