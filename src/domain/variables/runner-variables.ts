import { parseAssignments } from '../assignments.ts';
import type { BuildContext } from '../context/context.ts';
import { networkName, shortToken } from '../context/names.ts';
import { GITLAB_RUNNER_RELEASE } from '../runner/release.ts';
import { isFeatureFlag, type FeatureFlags, type FlagValue } from './feature-flags.ts';
import type { JobStatus } from '../job/job-status.ts';
import { fromJob, runnerVariable, type Variable } from './variable-list.ts';

const DEFAULT_TIMEOUT_SECONDS = 7200;

/** The build's directories; empty until they are decided. */
export interface Directories {
  readonly projectDir: string;
  readonly tempDir: string;
}

/** The facts that the variables of a build depend on. */
export interface Composition {
  readonly context: BuildContext;
  readonly directories: Directories;
  readonly jobStatus: JobStatus;
  /** The name of the job's image after its first expansion; undefined before that. */
  readonly imageName?: string;
}

/**
 * Returns the variables from which settings are read before they are decided, the job's own flags
 * included. Source: gitlab-runner `common/build.go` (getVariablesForFeatureFlagResolution).
 */
export function composeForSettings(
  composition: Composition,
  defaults: readonly FlagValue[],
): readonly Variable[] {
  return [
    ...defaults.map(flagVariable),
    ...beforeJob(composition),
    ...composition.context.job.variables.map(fromJob),
    ...afterJob(composition),
    runnerVariable('RUNNER_TEMP_PROJECT_DIR', composition.directories.tempDir),
  ];
}

/**
 * Returns all variables of a build; the last one of a name counts. Values of flags come first and
 * appear once, so that scripts see the value that the runner uses. Unlike in gitlab-runner, that
 * also applies to flags in the runner's `environment`. Source: gitlab-runner `common/build.go`
 * (GetAllVariables).
 */
export function composeVariables(
  composition: Composition,
  flags: FeatureFlags,
): readonly Variable[] {
  const { context } = composition;
  const jobVariables = context.job.variables.map(fromJob);
  return [
    ...flags.all.map(flagVariable),
    ...[...beforeJob(composition), ...jobVariables].filter(({ key }) => !isFeatureFlag(key)),
    ...afterJob(composition),
    ...(context.secretVariables ?? []).map(fromJob).filter(({ key }) => !isFeatureFlag(key)),
    runnerVariable('RUNNER_TEMP_PROJECT_DIR', composition.directories.tempDir),
    ...(flags.isOn('FF_NETWORK_PER_BUILD')
      ? [runnerVariable('CI_BUILD_NETWORK_NAME', networkName(context))]
      : []),
  ];
}

/**
 * Returns the time-out of the whole job, in seconds. Source: gitlab-runner `common/build.go`
 * (GetBuildTimeout).
 */
export function jobTimeoutSeconds({ job }: BuildContext): number {
  const { timeout } = job.runner_info;
  return timeout > 0 ? timeout : DEFAULT_TIMEOUT_SECONDS;
}

function flagVariable([name, isOn]: FlagValue): Variable {
  return runnerVariable(name, `${isOn}`);
}

function beforeJob(composition: Composition): readonly Variable[] {
  const { context, directories, jobStatus } = composition;
  const { job, runner } = context;
  const { imageName = job.image.name } = composition;
  return [
    ...(imageName === '' ? [] : [{ ...runnerVariable('CI_JOB_IMAGE', imageName), isRaw: false }]),
    runnerVariable('CI_RUNNER_SHORT_TOKEN', shortToken(runner.token)),
    ...environmentVariables(runner.environment),
    runnerVariable('CI_BUILDS_DIR', runner.buildsDir),
    runnerVariable('CI_PROJECT_DIR', directories.projectDir),
    runnerVariable('CI_CONCURRENT_ID', `${context.concurrentId}`),
    runnerVariable('CI_CONCURRENT_PROJECT_ID', `${context.concurrentProjectId}`),
    runnerVariable('CI_SERVER', 'yes'),
    runnerVariable('CI_JOB_STATUS', jobStatus),
    runnerVariable('CI_JOB_TIMEOUT', `${jobTimeoutSeconds(context)}`),
    ...tlsVariables(context),
  ];
}

/** Source: gitlab-runner `common/config.go` (parseVariable). */
function environmentVariables(lines: readonly string[]): readonly Variable[] {
  return parseAssignments(lines).map(([key, value]) => ({
    ...runnerVariable(key, value),
    isRaw: false,
  }));
}

/** Source: gitlab-runner `common/build.go` (GetCITLSVariables). */
function tlsVariables({ tlsCaPem, tlsCertPem, tlsKeyPem }: BuildContext): readonly Variable[] {
  const file = (key: string, value: string) => ({ ...runnerVariable(key, value), isFile: true });
  return [
    ...(tlsCaPem ? [file('CI_SERVER_TLS_CA_FILE', tlsCaPem)] : []),
    ...(tlsCertPem && tlsKeyPem
      ? [file('CI_SERVER_TLS_CERT_FILE', tlsCertPem), file('CI_SERVER_TLS_KEY_FILE', tlsKeyPem)]
      : []),
  ];
}

function afterJob({ context }: Composition): readonly Variable[] {
  const { revision, platform } = context.program;
  return [
    runnerVariable('CI_DISPOSABLE_ENVIRONMENT', 'true'),
    runnerVariable('CI_RUNNER_VERSION', GITLAB_RUNNER_RELEASE),
    runnerVariable('CI_RUNNER_REVISION', revision),
    runnerVariable('CI_RUNNER_EXECUTABLE_ARCH', platform),
  ];
}
