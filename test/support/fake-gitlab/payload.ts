import { isRecord } from './exchange.ts';
import type { ServerJob } from './job.ts';
import type { CommitFacts } from './repository.ts';
import type { FakeRepository } from './types.ts';
import { predefinedVariables, wireVariable } from './variables.ts';

/**
 * The failure reasons that a GitLab of 2026 knows. Source: GitLab
 * `app/models/concerns/enums/ci/commit_status.rb`.
 */
const FAILURE_REASONS: readonly string[] = [
  ...['unknown_failure', 'script_failure', 'api_failure', 'stuck_or_timeout_failure'],
  ...['runner_system_failure', 'missing_dependency_failure', 'runner_unsupported'],
  ...['stale_schedule', 'job_execution_timeout', 'archived_failure', 'unmet_prerequisites'],
  ...['scheduler_failure', 'data_integrity_failure', 'forward_deployment_failure'],
  ...['user_blocked', 'project_deleted', 'ci_quota_exceeded', 'pipeline_loop_detected'],
  ...['trace_size_exceeded', 'builds_disabled', 'environment_creation_failure'],
  ...['deployment_rejected', 'failed_outdated_deployment_job', 'image_pull_failure'],
  ...['runner_configuration_error', 'runner_external_dependency_failure', 'runner_interrupted'],
];

const TOKEN_MASK_PREFIXES: readonly string[] = ['glpat-', 'glcbt-', 'glrt-', 'gldt-', 'glft-'];
const DEFAULT_DEPTH = 20;
const DEFAULT_TIMEOUT_SECONDS = 3_600;

export interface PayloadContext {
  readonly repository: FakeRepository;
  readonly projectId: number;
  readonly runnerId: number;
  readonly commitOf: (sha: string) => CommitFacts;
  /** The dependencies in the form that the payload has. */
  readonly dependencies: readonly Readonly<Record<string, unknown>>[];
  readonly now: Date;
}

/** The values that several parts of a payload use. They are computed once. */
export interface JobFacts {
  readonly job: ServerJob;
  readonly repository: FakeRepository;
  readonly serverUrl: URL;
  readonly projectUrl: string;
  /** The address of the repository, with the job's token. */
  readonly repositoryUrl: string;
  readonly registry: string;
  readonly namespace: string;
  readonly projectName: string;
  readonly projectId: number;
  readonly pipelineId: number;
  readonly runnerId: number;
  readonly sha: string;
  readonly ref: string;
  readonly commit: CommitFacts;
  readonly startedAt: string;
}

/**
 * Returns the payload of a job, which answers `POST /jobs/request`.
 * Source: GitLab `lib/api/entities/ci/job_request/`, `app/presenters/ci/build_runner_presenter.rb`.
 */
export function payloadOf(
  job: ServerJob,
  context: PayloadContext,
): Readonly<Record<string, unknown>> {
  const facts = factsOf(job, context);
  const { spec } = job;
  const payload: Readonly<Record<string, unknown>> = {
    ...{ id: job.id, token: job.token, allow_git_fetch: true },
    job_info: jobInfo(facts),
    git_info: gitInfo(facts),
    runner_info: { timeout: timeoutOf(job), runner_session_url: null },
    inputs: [],
    variables: [...predefinedVariables(facts), ...(spec.variables ?? []).map(wireVariable)],
    steps: stepsOf(job),
    hooks: [],
    image: spec.image === undefined ? null : { name: spec.image, entrypoint: null, ports: [] },
    ...{ services: [], artifacts: null, cache: [] },
    ...{ dependencies: context.dependencies, policy_options: {} },
    credentials: [
      {
        ...{ type: 'registry', url: facts.registry },
        ...{ username: 'gitlab-ci-token', password: job.token },
      },
    ],
    features: {
      trace_sections: true,
      token_mask_prefixes: TOKEN_MASK_PREFIXES,
      failure_reasons: FAILURE_REASONS,
    },
  };
  return { ...payload, ...mergedInto(payload, spec.payload ?? {}) };
}

function factsOf(job: ServerJob, context: PayloadContext): JobFacts {
  const { repository, projectId, runnerId, commitOf, now } = context;
  const serverUrl = new URL(repository.url);
  const repositoryUrl = new URL(repository.url);
  repositoryUrl.username = 'gitlab-ci-token';
  repositoryUrl.password = job.token;
  const sha = job.spec.sha ?? repository.headSha;
  const slash = repository.projectPath.lastIndexOf('/');
  return {
    ...{ job, repository, serverUrl, projectId, runnerId, sha },
    projectUrl: repository.url.replace(/\.git$/, ''),
    repositoryUrl: repositoryUrl.href,
    registry: `${serverUrl.hostname}:5050`,
    namespace: repository.projectPath.slice(0, slash),
    projectName: repository.projectPath.slice(slash + 1),
    pipelineId: job.id,
    ref: job.spec.ref ?? repository.defaultBranch,
    commit: commitOf(sha),
    startedAt: now.toISOString().replace(/\.\d+Z$/, 'Z'),
  };
}

function jobInfo({ job, repository, projectId, projectName, pipelineId }: JobFacts) {
  return {
    ...{ id: job.id, name: job.name, stage: job.spec.stage ?? 'test' },
    project_id: projectId,
    project_name: projectName,
    project_full_path: repository.projectPath,
    pipeline_id: pipelineId,
    ...{ namespace_id: 7, root_namespace_id: 7, organization_id: 1, user_id: 1 },
    instance_id: 'aW5zdGFuY2Ugb2YgdGhlIGZha2U=',
    instance_uuid: '00000000-0000-4000-8000-000000000000',
    scoped_user_id: null,
    ...{ time_in_queue_seconds: 0.25, queue_size: 1, queue_depth: 1 },
    project_jobs_running_on_instance_runners_count: '+Inf',
  };
}

function gitInfo({ job, repositoryUrl, ref, sha, pipelineId }: JobFacts) {
  const depth = depthOf(job);
  const pipelineRef = `refs/pipelines/${pipelineId}`;
  const branches =
    depth > 0
      ? [`+refs/heads/${ref}:refs/remotes/origin/${ref}`]
      : ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*'];
  return {
    repo_url: repositoryUrl,
    repo_object_format: 'sha1',
    ...{ ref, sha, before_sha: '0'.repeat(40), ref_type: 'branch' },
    refspecs: [`+${pipelineRef}:${pipelineRef}`, ...branches],
    ...{ depth, protected: false },
  };
}

/** Returns the depth of the fetch. GitLab reads GIT_DEPTH; the runner does not. */
function depthOf({ spec }: ServerJob): number {
  const set = spec.variables?.findLast(({ key }) => key === 'GIT_DEPTH')?.value;
  if (set === undefined) return DEFAULT_DEPTH;
  const depth = Number.parseInt(set, 10);
  return Number.isNaN(depth) ? 0 : depth;
}

function timeoutOf({ spec }: ServerJob): number {
  return spec.timeout ?? DEFAULT_TIMEOUT_SECONDS;
}

function stepsOf(job: ServerJob) {
  const { script = ['true'], afterScript = [] } = job.spec;
  const timeout = timeoutOf(job);
  const main = { name: 'script', script, timeout, when: 'on_success', allow_failure: false };
  if (afterScript.length === 0) return [main];
  const after = { name: 'after_script', script: afterScript, timeout };
  return [main, { ...after, when: 'always', allow_failure: true }];
}

/**
 * Merges objects key by key, so that a test that changes the commit keeps the repository's address.
 */
function mergedInto(
  payload: Readonly<Record<string, unknown>>,
  overrides: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const merged = Object.entries(overrides).map(([key, value]) => {
    const own = payload[key];
    return [key, isRecord(own) && isRecord(value) ? { ...own, ...value } : value] as const;
  });
  return Object.fromEntries(merged);
}
