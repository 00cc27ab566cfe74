import { isObject } from '../is-object.ts';
import {
  readBoolean,
  readFields,
  readInteger,
  readList,
  readText,
  unusable,
  type Fields,
  type Read,
} from './json-reader.ts';
import { readImage, readService } from './parse-image.ts';
import { readInputs } from './parse-inputs.ts';
import { readSecrets } from './parse-secrets.ts';
import { readVariables } from './parse-variables.ts';
import type {
  GitInfo,
  JobArtifact,
  JobCache,
  JobCredential,
  JobDependency,
  JobFeatures,
  JobHook,
  JobInfo,
  JobPayload,
  JobPolicy,
  JobStep,
} from './payload.ts';

/** The fields that are needed to report anything about a job to the coordinator. */
export interface JobIdentity {
  readonly id: number;
  readonly token: string;
}

const MAX_SECTIONS = 1_000;
const MAX_LINES = 100_000;
const MAX_DEPENDENCIES = 10_000;
/** Ten years: longer than any job, and safe from overflow. */
const MAX_TIMEOUT_SECONDS = 315_360_000;

const readTexts = readList(readText, MAX_LINES);

/**
 * Parses a job as the coordinator handed it out. Unknown fields are ignored; absent and null fields
 * get their zero value. Throws `InvalidPayload` for any other wrong type or size, with the place
 * and never the value. Source: gitlab-runner `common/spec/spec.go`.
 */
export function parseJobPayload(json: unknown): JobPayload {
  const job = readFields(json, '');
  return {
    id: job.read('id', readId),
    token: job.read('token', readToken),
    allow_git_fetch: job.read('allow_git_fetch', readBoolean),
    job_info: job.read('job_info', readJobInfo),
    git_info: job.read('git_info', readGitInfo),
    runner_info: job.read('runner_info', readRunnerInfo),
    variables: job.read('variables', readVariables),
    steps: job.read('steps', readList(readStep, MAX_SECTIONS)),
    image: job.read('image', readImage),
    services: job.read('services', readList(readService, MAX_SECTIONS)),
    artifacts: job.read('artifacts', readList(readArtifact, MAX_SECTIONS)),
    cache: job.read('cache', readList(readCache, MAX_SECTIONS)),
    credentials: job.read('credentials', readList(readCredential, MAX_SECTIONS)),
    dependencies: job.read('dependencies', readList(readDependency, MAX_DEPENDENCIES)),
    hooks: job.read('hooks', readList(readHook, MAX_SECTIONS)),
    inputs: job.read('inputs', readInputs),
    secrets: job.read('secrets', readSecrets),
    policy_options: job.read('policy_options', readPolicy),
    features: job.read('features', readFeatures),
    run: job.read('run', readRun),
  };
}

/**
 * Id and token of a job whose payload may otherwise be unusable, so that the job can still be
 * reported as failed; undefined when even these are missing.
 */
export function parseJobIdentity(json: unknown): JobIdentity | undefined {
  if (!isObject(json)) return undefined;
  const id = Object.hasOwn(json, 'id') ? json['id'] : undefined;
  const token = Object.hasOwn(json, 'token') ? json['token'] : undefined;
  return isId(id) && isToken(token) ? { id, token } : undefined;
}

/** Returns a payload with this identity. All other fields have their zero value. */
export function emptyPayload({ id, token }: JobIdentity): JobPayload {
  return parseJobPayload({ id, token });
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

/**
 * Whether a token can be sent as a header. With other characters nothing could be reported about
 * the job.
 */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value);
}

function readId(value: unknown, path: string): number {
  if (!isId(value)) throw unusable(path, 'a whole number above 0');
  return value;
}

function readToken(value: unknown, path: string): string {
  if (!isToken(value)) throw unusable(path, 'a token without spaces');
  return value;
}

function readJobInfo(value: unknown, path: string): JobInfo {
  const info = readFields(value, path);
  return {
    name: info.read('name', readText),
    stage: info.read('stage', readText),
    project_id: info.read('project_id', readInteger),
    project_name: info.read('project_name', readText),
    project_full_path: info.read('project_full_path', readText),
    pipeline_id: info.read('pipeline_id', readInteger),
    time_in_queue_seconds: info.read('time_in_queue_seconds', readAmount),
    project_jobs_running_on_instance_runners_count: info.read(
      'project_jobs_running_on_instance_runners_count',
      readWord,
    ),
    queue_size: info.read('queue_size', readAmount),
    queue_depth: info.read('queue_depth', readAmount),
  };
}

/** Reads an amount. It is used for metrics only, so an odd value must not fail a job. */
function readAmount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}

/** Reads a word for metrics; see {@link readAmount}. */
function readWord(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function readGitInfo(value: unknown, path: string): GitInfo {
  const git = readFields(value, path);
  return {
    repo_url: git.read('repo_url', readText),
    repo_object_format: git.read('repo_object_format', readText),
    ref: git.read('ref', readText),
    sha: git.read('sha', readText),
    before_sha: git.read('before_sha', readText),
    refspecs: git.read('refspecs', readTexts),
    depth: git.read('depth', readInteger),
    protected: git.read('protected', readNullable(readBoolean)),
  };
}

function readRunnerInfo(value: unknown, path: string): { readonly timeout: number } {
  const timeout = readFields(value, path).read('timeout', readInteger);
  return { timeout: Math.min(timeout, MAX_TIMEOUT_SECONDS) };
}

function readStep(value: unknown, path: string): JobStep {
  const step = readFields(value, path);
  return {
    name: step.read('name', readText),
    script: step.read('script', readTexts),
  };
}

function readArtifact(value: unknown, path: string): JobArtifact {
  const artifact = readFields(value, path);
  return {
    name: artifact.read('name', readText),
    untracked: artifact.read('untracked', readBoolean),
    paths: artifact.read('paths', readTexts),
    exclude: artifact.read('exclude', readTexts),
    when: artifact.read('when', readText),
    artifact_type: artifact.read('artifact_type', readText),
    artifact_format: artifact.read('artifact_format', readText),
    expire_in: artifact.read('expire_in', readText),
  };
}

function readCache(value: unknown, path: string): JobCache {
  const cache = readFields(value, path);
  return {
    key: cache.read('key', readText),
    fallback_keys: cache.read('fallback_keys', readTexts),
    untracked: cache.read('untracked', readBoolean),
    paths: cache.read('paths', readTexts),
    policy: cache.read('policy', readText),
    when: cache.read('when', readText),
  };
}

function readCredential(value: unknown, path: string): JobCredential {
  const credential = readFields(value, path);
  return {
    type: credential.read('type', readText),
    url: credential.read('url', readText),
    username: credential.read('username', readText),
    password: credential.read('password', readText),
  };
}

function readDependency(value: unknown, path: string): JobDependency {
  const dependency = readFields(value, path);
  return {
    id: dependency.read('id', readInteger),
    token: dependency.read('token', readText),
    name: dependency.read('name', readText),
    artifacts_file: dependency.read('artifacts_file', (file, at) =>
      readArtifactsFile(readFields(file, at)),
    ),
  };
}

function readArtifactsFile(file: Fields): JobDependency['artifacts_file'] {
  return { filename: file.read('filename', readText), size: file.read('size', readInteger) };
}

function readHook(value: unknown, path: string): JobHook {
  const hook = readFields(value, path);
  return { name: hook.read('name', readText), script: hook.read('script', readTexts) };
}

function readPolicy(value: unknown, path: string): JobPolicy {
  const policy = readFields(value, path);
  return {
    execution_policy_job: policy.read('execution_policy_job', readBoolean),
    policy_name: policy.read('policy_name', readText),
    policy_variables_override_allowed: policy.read(
      'policy_variables_override_allowed',
      readNullable(readBoolean),
    ),
    policy_variables_override_exceptions: policy.read(
      'policy_variables_override_exceptions',
      readNullable(readTexts),
    ),
  };
}

function readNullable<T>(read: Read<T>): Read<T | null> {
  return (value, path) => (value === undefined ? null : read(value, path));
}

function readFeatures(value: unknown, path: string): JobFeatures {
  const features = readFields(value, path);
  return {
    trace_sections: features.read('trace_sections', readBoolean),
    token_mask_prefixes: features.read('token_mask_prefixes', readTexts),
    failure_reasons: features.read('failure_reasons', readTexts),
  };
}

/** Reads `run`, which is JSON in a string. A list without steps counts as absent. */
function readRun(value: unknown, path: string): string {
  const text = readText(value, path);
  return /^(?:null|\[\s*\])?$/.test(text.trim()) ? '' : text;
}
