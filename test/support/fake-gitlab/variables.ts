import type { JobFacts } from './payload.ts';
import type { FakeVariable } from './types.ts';

/** A variable in the payload. The fields `file` and `raw` are present only when they are true. */
export interface WireVariable {
  readonly key: string;
  readonly value: string;
  readonly public: boolean;
  readonly masked: boolean;
  readonly file?: true;
  readonly raw?: true;
}

/**
 * Returns a variable in the form of the payload. Source: GitLab
 * `lib/gitlab/ci/variables/collection/item.rb`, `to_runner_variable`.
 */
export function wireVariable(variable: FakeVariable): WireVariable {
  const { key, value, masked = false, file = false, raw = false } = variable;
  return {
    ...{ key, value, public: variable.public ?? !masked, masked },
    ...(file && { file }),
    ...(raw && { raw }),
  };
}

/**
 * Returns the variables that GitLab sets for a job of a branch pipeline. They are in GitLab's
 * order: those of the job, the project, the pipeline, the runner, and the user. Source: GitLab
 * `app/models/ci/build.rb`, `lib/gitlab/ci/variables/builder.rb`.
 */
export function predefinedVariables(facts: JobFacts): readonly WireVariable[] {
  return [
    ...persisted(facts),
    ...visible(jobVariables(facts)),
    ...visible(serverVariables(facts)),
    ...visible(projectVariables(facts)),
    ...visible(pipelineVariables(facts)),
    ...visible(runnerVariables(facts)),
    ...visible(USER),
  ];
}

type Values = Readonly<Record<string, string>>;

const USER: Values = {
  GITLAB_USER_ID: '1',
  GITLAB_USER_EMAIL: 'developer@example.com',
  GITLAB_USER_LOGIN: 'developer',
  GITLAB_USER_NAME: 'A Developer',
};

function visible(values: Values): readonly WireVariable[] {
  return Object.entries(values).map(([key, value]) => wireVariable({ key, value }));
}

function persisted(facts: JobFacts): readonly WireVariable[] {
  const { job, projectUrl, startedAt, repositoryUrl } = facts;
  const secret = { public: false, masked: true };
  return [
    { key: 'CI_PIPELINE_ID', value: `${facts.pipelineId}` },
    { key: 'CI_PIPELINE_URL', value: `${projectUrl}/-/pipelines/${facts.pipelineId}` },
    { key: 'CI_JOB_ID', value: `${job.id}` },
    { key: 'CI_JOB_URL', value: `${projectUrl}/-/jobs/${job.id}` },
    { key: 'CI_JOB_TOKEN', value: job.token, ...secret },
    { key: 'CI_JOB_STARTED_AT', value: startedAt },
    { key: 'CI_REGISTRY_USER', value: 'gitlab-ci-token' },
    { key: 'CI_REGISTRY_PASSWORD', value: job.token, ...secret },
    { key: 'CI_REPOSITORY_URL', value: repositoryUrl, public: false },
    { key: 'CI_DEPENDENCY_PROXY_USER', value: 'gitlab-ci-token' },
    { key: 'CI_DEPENDENCY_PROXY_PASSWORD', value: job.token, ...secret },
  ].map(wireVariable);
}

function jobVariables({ job }: JobFacts): Values {
  return {
    CI_JOB_NAME: job.name,
    CI_JOB_NAME_SLUG: slugOf(job.name),
    CI_JOB_GROUP_NAME: job.name,
    CI_JOB_STAGE: job.spec.stage ?? 'test',
    CI_NODE_TOTAL: '1',
  };
}

function serverVariables({ serverUrl, registry }: JobFacts): Values {
  return {
    CI: 'true',
    GITLAB_CI: 'true',
    CI_SERVER_FQDN: serverUrl.host,
    CI_SERVER_URL: serverUrl.origin,
    CI_SERVER_HOST: serverUrl.hostname,
    CI_SERVER_PORT: serverUrl.port || (serverUrl.protocol === 'https:' ? '443' : '80'),
    CI_SERVER_PROTOCOL: serverUrl.protocol.slice(0, -1),
    CI_SERVER_SHELL_SSH_HOST: serverUrl.hostname,
    CI_SERVER_SHELL_SSH_PORT: '22',
    CI_SERVER_NAME: 'GitLab',
    CI_SERVER_VERSION: '19.4.0',
    CI_SERVER_VERSION_MAJOR: '19',
    CI_SERVER_VERSION_MINOR: '4',
    CI_SERVER_VERSION_PATCH: '0',
    CI_SERVER_REVISION: 'fa4e0000000',
    GITLAB_FEATURES: '',
    CI_API_V4_URL: `${serverUrl.origin}/api/v4`,
    CI_API_GRAPHQL_URL: `${serverUrl.origin}/api/graphql`,
    CI_TEMPLATE_REGISTRY_HOST: 'registry.gitlab.com',
    CI_REGISTRY: registry,
    CI_DEPENDENCY_PROXY_SERVER: serverUrl.host,
  };
}

function projectVariables(facts: JobFacts): Values {
  const { repository, projectUrl, serverUrl, registry } = facts;
  const [namespace, name] = [facts.namespace, facts.projectName];
  return {
    CI_PROJECT_ID: `${facts.projectId}`,
    CI_PROJECT_NAME: name,
    CI_PROJECT_TITLE: name,
    CI_PROJECT_DESCRIPTION: '',
    CI_PROJECT_TOPICS: '',
    CI_PROJECT_PATH: repository.projectPath,
    CI_PROJECT_PATH_SLUG: slugOf(repository.projectPath),
    CI_PROJECT_NAMESPACE: namespace,
    CI_PROJECT_NAMESPACE_SLUG: slugOf(namespace),
    CI_PROJECT_NAMESPACE_ID: '7',
    CI_PROJECT_ROOT_NAMESPACE: namespace.split('/')[0] ?? '',
    CI_PROJECT_URL: projectUrl,
    CI_PROJECT_VISIBILITY: 'private',
    CI_PROJECT_REPOSITORY_LANGUAGES: 'shell',
    CI_PROJECT_CLASSIFICATION_LABEL: '',
    CI_DEFAULT_BRANCH: repository.defaultBranch,
    CI_DEFAULT_BRANCH_SLUG: slugOf(repository.defaultBranch),
    CI_CONFIG_PATH: '.gitlab-ci.yml',
    CI_REGISTRY_IMAGE: `${registry}/${repository.projectPath}`,
    CI_PAGES_DOMAIN: 'pages.example.com',
    CI_PAGES_HOSTNAME: `${name}.pages.example.com`,
    CI_PAGES_URL: `https://${name}.pages.example.com`,
    CI_DEPENDENCY_PROXY_GROUP_IMAGE_PREFIX: `${serverUrl.host}/${namespace}/dependency_proxy/containers`,
    CI_DEPENDENCY_PROXY_DIRECT_GROUP_IMAGE_PREFIX: `${serverUrl.host}/${namespace}/dependency_proxy/containers`,
  };
}

function pipelineVariables({ sha, ref, commit, job, startedAt }: JobFacts): Values {
  return {
    CI_PIPELINE_IID: `${job.id % 1_000}`,
    CI_PIPELINE_SOURCE: 'push',
    CI_PIPELINE_CREATED_AT: startedAt,
    CI_PIPELINE_NAME: '',
    CI_COMMIT_SHA: sha,
    CI_COMMIT_SHORT_SHA: sha.slice(0, 8),
    CI_COMMIT_BEFORE_SHA: '0'.repeat(40),
    CI_COMMIT_REF_NAME: ref,
    CI_COMMIT_REF_SLUG: slugOf(ref),
    CI_COMMIT_BRANCH: ref,
    CI_COMMIT_MESSAGE: `${commit.title}\n`,
    CI_COMMIT_MESSAGE_IS_TRUNCATED: 'false',
    CI_COMMIT_TITLE: commit.title,
    CI_COMMIT_DESCRIPTION: '',
    CI_COMMIT_REF_PROTECTED: 'false',
    CI_COMMIT_TIMESTAMP: commit.timestamp,
    CI_COMMIT_AUTHOR: commit.author,
  };
}

function runnerVariables({ runnerId }: JobFacts): Values {
  return {
    CI_RUNNER_ID: `${runnerId}`,
    CI_RUNNER_DESCRIPTION: `runner ${runnerId}`,
    CI_RUNNER_TAGS: '[]',
  };
}

/** Returns a slug of the text. Source: GitLab `lib/gitlab/utils.rb`, `slugify`. */
function slugOf(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '');
}
