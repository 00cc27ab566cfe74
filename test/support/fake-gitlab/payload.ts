import type { FakeRepository, FakeVariable } from './types.ts';
import type { ServerJob } from './job.ts';

/** What a runner may say for a reason; a GitLab of 2026 lists these. */
export const FAILURE_REASONS: readonly string[] = [
  'unknown_failure',
  'script_failure',
  'api_failure',
  'stuck_or_timeout_failure',
  'runner_system_failure',
  'missing_dependency_failure',
  'runner_unsupported',
  'job_execution_timeout',
  'image_pull_failure',
  'runner_configuration_error',
  'runner_external_dependency_failure',
  'runner_interrupted',
];

const PROJECT_ID = 42;
const DEFAULT_DEPTH = 20;

/**
 * The answer of `POST /jobs/request`, in the shape of GitLab's `EE::API::Entities::Ci::JobRequest`.
 * Source: gitlab `lib/api/entities/ci/job_request/*.rb`, spec/job-payload.
 */
export function payloadOf(job: ServerJob, repository: FakeRepository): Record<string, unknown> {
  const { spec } = job;
  const sha = spec.sha ?? repository.headSha;
  const ref = spec.ref ?? repository.defaultBranch;
  const pipelineRef = `refs/pipelines/${job.id}`;
  const after = spec.afterScript ?? [];
  return {
    id: job.id,
    token: job.token,
    allow_git_fetch: true,
    job_info: {
      id: job.id,
      name: job.name,
      stage: spec.stage ?? 'test',
      project_id: PROJECT_ID,
      project_name: repository.projectPath.split('/').at(-1),
      project_full_path: repository.projectPath,
      pipeline_id: job.id,
      time_in_queue_seconds: 1,
      project_jobs_running_on_instance_runners_count: '0',
    },
    git_info: {
      repo_url: withCredentials(repository.url, job.token),
      repo_object_format: 'sha1',
      ref,
      sha,
      before_sha: '0'.repeat(40),
      ref_type: 'branch',
      refspecs: [`+${pipelineRef}:${pipelineRef}`, `+refs/heads/${ref}:refs/remotes/origin/${ref}`],
      depth: DEFAULT_DEPTH,
      protected: false,
    },
    runner_info: { timeout: spec.timeout ?? 3600, runner_session_url: null },
    inputs: [],
    variables: [
      ...predefined(job, { repository, sha, ref }),
      ...(spec.variables ?? []).map(wireVariable),
    ],
    steps: [
      step('script', spec.script ?? ['true'], spec.timeout ?? 3600),
      ...(after.length > 0 ? [{ ...step('after_script', after, 300), when: 'always' }] : []),
    ],
    hooks: [],
    image: spec.image === undefined ? null : { name: spec.image, entrypoint: null, ports: [] },
    services: [],
    artifacts: null,
    cache: [],
    credentials: [],
    dependencies: [],
    features: {
      trace_sections: true,
      token_mask_prefixes: ['glpat-'],
      failure_reasons: FAILURE_REASONS,
    },
    ...mergedPayload(spec.payload, { sha, ref, pipelineRef, repository, job }),
  };
}

interface Sources {
  readonly repository: FakeRepository;
  readonly sha: string;
  readonly ref: string;
}

/** `git_info` is merged key by key: a test that changes the commit needs the repository's address. */
function mergedPayload(
  payload: Readonly<Record<string, unknown>> = {},
  { sha, ref, pipelineRef, repository, job }: Sources & { pipelineRef: string; job: ServerJob },
): Record<string, unknown> {
  const git = payload['git_info'];
  if (typeof git !== 'object' || git === null) return { ...payload };
  return {
    ...payload,
    git_info: {
      repo_url: withCredentials(repository.url, job.token),
      ...{ ref, sha, refspecs: [`+${pipelineRef}:${pipelineRef}`], depth: DEFAULT_DEPTH },
      ...git,
    },
  };
}

function step(name: string, script: readonly string[], timeout: number) {
  return { name, script, timeout, when: 'on_success', allow_failure: false };
}

function predefined(job: ServerJob, { repository, sha, ref }: Sources) {
  const url = new URL(repository.url);
  const plain: Readonly<Record<string, string>> = {
    CI: 'true',
    GITLAB_CI: 'true',
    CI_SERVER_URL: url.origin,
    CI_SERVER_HOST: url.hostname,
    CI_SERVER_PORT: url.port,
    CI_SERVER_PROTOCOL: url.protocol.slice(0, -1),
    CI_SERVER_NAME: 'GitLab',
    CI_SERVER_VERSION: '19.4.0',
    CI_API_V4_URL: `${url.origin}/api/v4`,
    CI_PROJECT_ID: `${PROJECT_ID}`,
    CI_PROJECT_NAME: repository.projectPath.split('/').at(-1) ?? '',
    CI_PROJECT_PATH: repository.projectPath,
    CI_PROJECT_NAMESPACE: repository.projectPath.split('/').slice(0, -1).join('/'),
    CI_PROJECT_URL: repository.url.replace(/\.git$/, ''),
    CI_DEFAULT_BRANCH: repository.defaultBranch,
    CI_COMMIT_SHA: sha,
    CI_COMMIT_SHORT_SHA: sha.slice(0, 8),
    CI_COMMIT_REF_NAME: ref,
    CI_COMMIT_REF_SLUG: ref.toLowerCase().replace(/[^a-z0-9]+/g, '-'),
    CI_COMMIT_BRANCH: ref,
    CI_COMMIT_REF_PROTECTED: 'false',
    CI_PIPELINE_ID: `${job.id}`,
    CI_PIPELINE_SOURCE: 'push',
    CI_JOB_ID: `${job.id}`,
    CI_JOB_NAME: job.name,
    CI_JOB_STAGE: job.spec.stage ?? 'test',
    CI_JOB_URL: `${repository.url.replace(/\.git$/, '')}/-/jobs/${job.id}`,
  };
  const secret = [
    { key: 'CI_JOB_TOKEN', value: job.token, masked: true },
    { key: 'CI_REPOSITORY_URL', value: withCredentials(repository.url, job.token) },
  ].map((variable) => wireVariable({ ...variable, public: false }));
  return [
    ...Object.entries(plain).map(([key, value]) => wireVariable({ key, value, public: true })),
    ...secret,
  ];
}

function wireVariable(variable: FakeVariable) {
  return { public: false, file: false, masked: false, raw: false, ...variable };
}

function withCredentials(repositoryUrl: string, token: string): string {
  const url = new URL(repositoryUrl);
  url.username = 'gitlab-ci-token';
  url.password = token;
  return url.href;
}
