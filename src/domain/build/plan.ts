import { uploadsAfter } from '../artifacts/uploads.ts';
import { hasCaches } from '../cache/plan-caches.ts';
import { outlivesBuild, planMounts } from './mounts.ts';
import { jobTimeoutSeconds } from '../variables/runner-variables.ts';
import type { JobStep } from '../job/payload.ts';
import type { ScriptsEnd } from '../job/when.ts';
import type { Variables } from '../variables/variables.ts';
import { readGitSettings } from '../script/git-settings.ts';
import { needsFileLists, type ListingInput } from '../script/list-files.ts';
import type { BuildContext } from '../context/context.ts';
import { neededDependencies } from './dependencies.ts';
import type {
  BuildPlan,
  FinishPlan,
  PlannedStage,
  StageName,
  StagePlace,
} from '../context/stage.ts';

const AFTER_SCRIPT = 'after_script';
const AFTER_SCRIPT_TIMEOUT_MS = 5 * 60_000;

/**
 * Plans what a build will do. Never throws, whatever the job contains. A stage gets a container
 * only when it has something to do there, because each start takes a tenth of a second. Source:
 * gitlab-runner `common/build.go` (executeScript).
 */
export function planStages(context: BuildContext, variables: Variables): BuildPlan {
  const jobTimeoutMs = jobTimeoutSeconds(context) * 1000;
  const duration = (key: string): number | undefined => {
    const wantedMs = variables.duration(key);
    return wantedMs === undefined
      ? undefined
      : Math.max(1, Math.min(Math.round(wantedMs), jobTimeoutMs));
  };
  // A rejected job runs nothing, and its step names may have any length.
  const steps = context.rejection === undefined ? context.job.steps.filter(hasScript) : [];
  return {
    ...planSecretsStage(context, variables),
    preparation: [
      stage('prepare_script', 'runner'),
      planSources(context, variables),
      ...planRestoring(context, variables),
      ...planDownloads(context, variables),
    ],
    steps: steps
      .filter(({ name }) => name !== AFTER_SCRIPT)
      .map((step) => stage(stepStageName(step), 'build')),
    afterScript: steps.some(({ name }) => name === AFTER_SCRIPT)
      ? stage(AFTER_SCRIPT, 'build')
      : undefined,
    finish: planFinish(context),
    cleanup: planCleanup(context, variables),
    ...(isSilentCleanup(variables) && { cleansUpLast: true }),
    ...(context.session !== undefined && { terminal: stage('wait_for_terminal', 'build') }),
    jobTimeoutMs,
    ...planOwnLimits(context, variables),
    scriptTimeoutMs: duration('RUNNER_SCRIPT_TIMEOUT'),
    afterScriptTimeoutMs: duration('RUNNER_AFTER_SCRIPT_TIMEOUT') ?? AFTER_SCRIPT_TIMEOUT_MS,
    afterScriptIgnoreErrors: variables.flag('AFTER_SCRIPT_IGNORE_ERRORS', true),
  };
}

function hasScript({ script }: JobStep): boolean {
  return script.length > 0;
}

/** Source: gitlab-runner `common/build.go` (GetPrepareTimeout, GetGetSourcesTimeout). */
function planOwnLimits(context: BuildContext, variables: Variables) {
  const { prepareTimeoutSeconds, sourcesTimeoutSeconds } = context.runner;
  const isBelowJob = (seconds: number): boolean =>
    seconds > 0 && seconds < jobTimeoutSeconds(context);
  const isQuick = !variables.featureFlags.isOn('FF_USE_EXPONENTIAL_BACKOFF_STAGE_RETRY');
  return {
    ...(isBelowJob(prepareTimeoutSeconds) && { prepareTimeoutMs: prepareTimeoutSeconds * 1000 }),
    ...(isBelowJob(sourcesTimeoutSeconds) && { sourcesTimeoutMs: sourcesTimeoutSeconds * 1000 }),
    ...(isQuick && { hasShortPauses: true as const }),
  };
}

function planSecretsStage({ job }: BuildContext, variables: Variables): Pick<BuildPlan, 'secrets'> {
  if (job.secrets === undefined || job.secrets.length === 0) return {};
  const attempts = variables.attempts('SECRETS_RETRIEVAL_ATTEMPTS');
  return { secrets: stage('resolve_secrets', 'transfer', attempts) };
}

/**
 * Returns the name of a step's stage. Source: gitlab-runner `common/build.go` (StepToBuildStage).
 */
export function stepStageName({ name }: Pick<JobStep, 'name'>): `step_${string}` {
  return `step_${name.toLowerCase()}`;
}

/**
 * Whether any stage of the build runs in the helper container. If none does, its image is not
 * pulled.
 */
export function needsHelper(
  { preparation, finish, cleanup }: BuildPlan,
  input: ListingInput,
): boolean {
  const kept = [...(finish?.onSuccess ?? []), ...(finish?.onFailure ?? [])];
  return (
    [...preparation, ...(cleanup === undefined ? [] : [cleanup])].some(
      ({ place }) => place === 'helper',
    ) || kept.some(({ name }) => needsFileLists(input, name))
  );
}

/**
 * Plans `get_sources`. The runner makes an empty directory itself, but a container must remove old
 * files from one.
 */
function planSources(context: BuildContext, variables: Variables): PlannedStage {
  return needsSourcesScript(context, variables)
    ? stage('get_sources', 'helper', variables.attempts('GET_SOURCES_ATTEMPTS'))
    : stage('get_sources', 'runner');
}

function needsSourcesScript(context: BuildContext, variables: Variables): boolean {
  const { strategy } = readGitSettings(context, variables);
  return (
    strategy === 'fetch' ||
    strategy === 'clone' ||
    // With this flag, the job's own git finds its credentials in files that the script writes.
    variables.featureFlags.isOn('FF_GIT_URLS_WITHOUT_TOKENS') ||
    (strategy === 'empty' && outlivesBuild(variables.projectDir, planMounts(context, variables)))
  );
}

function planDownloads(context: BuildContext, variables: Variables): readonly PlannedStage[] {
  if (neededDependencies(context).length === 0) return [];
  return [
    stage('download_artifacts', 'transfer', variables.attempts('ARTIFACT_DOWNLOAD_ATTEMPTS')),
  ];
}

/**
 * Plans the stages that restore files. A stage is planned even when a policy forbids it, because
 * the stage prints the reason.
 */
function planRestoring({ job }: BuildContext, variables: Variables): readonly PlannedStage[] {
  if (!hasCaches(job)) return [];
  return [stage('restore_cache', 'transfer', variables.attempts('RESTORE_CACHE_ATTEMPTS'))];
}

/** Plans the stages that save the build's files: caches first, then artifacts. */
function planFinish({ job }: BuildContext): FinishPlan {
  const caches = (end: ScriptsEnd, name: StageName) =>
    hasCaches(job, end) ? [stage(name, 'transfer')] : [];
  const uploads = (end: ScriptsEnd, name: StageName) =>
    uploadsAfter(job, end).length > 0 ? [stage(name, 'transfer')] : [];
  return {
    onSuccess: [
      ...caches('success', 'archive_cache'),
      ...uploads('success', 'upload_artifacts_on_success'),
    ],
    onFailure: [
      ...caches('failure', 'archive_cache_on_failure'),
      ...uploads('failure', 'upload_artifacts_on_failure'),
    ],
  };
}

/**
 * Plans the clean-up. A temporary volume is removed with its build, so it needs none. Every other one
 * keeps at least the GITLAB_ENV file.
 */
function planCleanup(context: BuildContext, variables: Variables): PlannedStage | undefined {
  const { projectDir, tempDir, featureFlags } = variables;
  const mounts = planMounts(context, variables);
  const directories = featureFlags.isOn('FF_ENABLE_JOB_CLEANUP')
    ? [tempDir, projectDir]
    : [tempDir];
  return directories.some((path) => outlivesBuild(path, mounts))
    ? stage('cleanup_file_variables', 'helper')
    : undefined;
}

/** Whether the clean-up prints nothing unless it fails. */
function isSilentCleanup(variables: Variables): boolean {
  const isOn = variables.featureFlags.isOn('FF_ENABLE_JOB_CLEANUP');
  return !isOn && !variables.flag('CI_DEBUG_TRACE', false);
}

function stage(name: StageName, place: StagePlace, attempts = 1): PlannedStage {
  return { name, place, attempts };
}
