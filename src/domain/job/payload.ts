/**
 * The job as the coordinator hands it out, with every absent or null field set to its zero value.
 * Names are those of the wire, so that a reader finds them in GitLab's source. Nothing else in the
 * code uses snake_case. Source: POST /jobs/request, gitlab-runner 19.4 `common/spec`.
 */
export interface JobPayload {
  readonly id: number;
  readonly token: string;
  readonly allow_git_fetch: boolean;
  readonly job_info: JobInfo;
  readonly git_info: GitInfo;
  readonly runner_info: { readonly timeout: number };
  readonly variables: readonly JobVariable[];
  readonly steps: readonly JobStep[];
  readonly image: JobImage;
  readonly services: readonly JobService[];
  readonly artifacts: readonly JobArtifact[];
  readonly cache: readonly JobCache[];
  readonly credentials: readonly JobCredential[];
  readonly dependencies: readonly JobDependency[];
  readonly hooks: readonly JobHook[];
  readonly inputs: readonly JobInput[];
  /** Absent in records of 0.1.0. */
  readonly secrets?: readonly JobSecret[];
  /** Absent in records of 0.1.0. */
  readonly policy_options?: JobPolicy;
  readonly features: JobFeatures;
  /** The `run:` keyword: JSON text of CI steps. Not supported; a job that has it is refused. */
  readonly run: string;
}

/** Names and ids of the job and its project. */
export interface JobInfo {
  readonly name: string;
  readonly stage: string;
  readonly project_id: number;
  readonly project_name: string;
  readonly project_full_path: string;
  readonly pipeline_id: number;
  readonly time_in_queue_seconds: number;
  /**
   * A number as text, such as `10+`. Absent in records that 0.1.0 has written, like the two fields
   * below.
   */
  readonly project_jobs_running_on_instance_runners_count?: string;
  readonly queue_size?: number;
  readonly queue_depth?: number;
}

/** The commit to check out, and how to fetch it. */
export interface GitInfo {
  readonly repo_url: string;
  readonly repo_object_format: string;
  readonly ref: string;
  readonly sha: string;
  readonly before_sha: string;
  readonly refspecs: readonly string[];
  readonly depth: number;
  readonly protected: boolean | null;
}

/** A variable of the job, unexpanded. */
export interface JobVariable {
  readonly key: string;
  readonly value: string;
  readonly public: boolean;
  readonly file: boolean;
  readonly masked: boolean;
  readonly raw: boolean;
}

/** A script of the job: `script`, `after_script` or `release`. */
export interface JobStep {
  readonly name: string;
  readonly script: readonly string[];
}

/** The image of a job, with options for its container. */
export interface JobImage {
  readonly name: string;
  readonly alias: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly pull_policy: readonly string[];
  readonly executor_opts: {
    readonly docker: { readonly platform: string; readonly user: string };
    /** Keys of `executor_opts` that this runner does not know, as dotted paths. */
    readonly unsupported: readonly string[];
  };
}

/** A service of the job, with variables of its own. */
export interface JobService extends JobImage {
  readonly variables: readonly JobVariable[];
}

/** An entry of the job's artifacts: which files to upload, when and how. */
export interface JobArtifact {
  readonly name: string;
  readonly untracked: boolean;
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  readonly when: string;
  readonly artifact_type: string;
  readonly artifact_format: string;
  readonly expire_in: string;
}

/** An entry of the job's caches: its key, its files and when to use it. */
export interface JobCache {
  readonly key: string;
  readonly fallback_keys: readonly string[];
  readonly untracked: boolean;
  readonly paths: readonly string[];
  readonly policy: string;
  readonly when: string;
}

/** Credentials of a registry. Secret. */
export interface JobCredential {
  readonly type: string;
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

/** An earlier job whose artifacts this job needs. Its token is secret. */
export interface JobDependency {
  readonly id: number;
  readonly token: string;
  readonly name: string;
  readonly artifacts_file: { readonly filename: string; readonly size: number };
}

/** A script that the job adds to a place in the runner's own stages. */
export interface JobHook {
  readonly name: string;
  readonly script: readonly string[];
}

/** The declared type of an input. */
export type InputType = 'string' | 'number' | 'boolean' | 'array' | 'struct';

/** Any JSON value. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** An input of the job, which its texts refer to as `${{ job.inputs.<key> }}`. */
export interface JobInput {
  readonly key: string;
  readonly value: {
    readonly type: InputType;
    readonly content: JsonValue;
    readonly sensitive: boolean;
  };
}

/** A secret that becomes the variable `key`. In the payload these are a map. */
export interface JobSecret {
  readonly key: string;
  readonly file: boolean;
  readonly vault: JobVaultSecret | null;
  /** Name of a provider other than Vault; '' when there is none. */
  readonly other_provider: string;
}

/** Where a secret is in a Vault, and how to log in there. */
export interface JobVaultSecret {
  readonly server: {
    readonly url: string;
    readonly namespace: string;
    readonly auth: {
      readonly name: string;
      readonly path: string;
      readonly data: Readonly<Record<string, string>>;
    };
  };
  readonly engine: { readonly name: string; readonly path: string };
  readonly path: string;
  readonly field: string;
}

/** The execution policy that created the job. */
export interface JobPolicy {
  readonly execution_policy_job: boolean;
  readonly policy_name: string;
  readonly policy_variables_override_allowed: boolean | null;
  readonly policy_variables_override_exceptions: readonly string[] | null;
}

/** What this GitLab supports and wants for the job. */
export interface JobFeatures {
  readonly trace_sections: boolean;
  readonly token_mask_prefixes: readonly string[];
  readonly failure_reasons: readonly string[];
}
