import type { Readable } from 'node:stream';

/**
 * A strict GitLab for tests and for the quickstart. It has the coordinator API and a git server, in
 * memory.
 */
export interface FakeGitLab {
  /** `http://<advertiseHost>:<port>`, the value for config.toml. */
  readonly url: string;
  /**
   * Every request so far, in the order of arrival. The tokens are kept, because this is a test's
   * own server.
   */
  readonly requests: readonly RecordedRequest[];
  /**
   * Requests that a real GitLab would refuse, and requests that break the protocol: a gap in the
   * trace, a missing header, or a token of somebody else. Tests assert that there are none.
   */
  readonly violations: readonly string[];
  /** The git repository, which jobs clone over smart HTTP. */
  readonly repository: FakeRepository;
  /** Adds a runner as GitLab's UI does. `token` is its `glrt-…` authentication token. */
  addRunner(runner: { readonly token: string; readonly id?: number }): void;
  /** Removes a runner. Its token is answered 403 from now on. */
  removeRunner(token: string): void;
  /** Adds a token that `POST /runners`, the legacy registration, accepts. */
  addRegistrationToken(token: string): void;
  /** Puts a job into the queue. Any runner may get a job without `runnerToken`. */
  addJob(job?: JobSpec): FakeJob;
  readonly jobs: readonly FakeJob[];
  /**
   * Sets a function that answers instead of the server, until it is removed. The first matching one
   * is used.
   */
  intercept(interceptor: Interceptor): Interception;
  close(): Promise<void>;
}

export interface FakeGitLabOptions {
  /** The address to listen on. The default is `127.0.0.1`. */
  readonly host: string;
  /** The port to listen on. The default is a free port. */
  readonly port: number;
  /**
   * The id of the first job. The default is a large random number, because several fakes on one
   * machine share Docker, and the names of containers contain the job's id.
   */
  readonly firstJobId: number;
  /**
   * The host in `url` and in the address of the repository. Containers must be able to reach it.
   * The default is `host`.
   */
  readonly advertiseHost: string;
  /** How long a job request with the current `last_update` is held open. The default is 50 s. */
  readonly longPollMs: number;
  /** The value of `X-GitLab-Trace-Update-Interval` in answers about the trace. The default is 3. */
  readonly traceUpdateIntervalSeconds: number;
  /**
   * How long a runner with `two_phase_job_commit` may take to confirm a job. After that the job is
   * handed out again. The default is two minutes.
   */
  readonly acknowledgeMs: number;
  /** With this certificate (PEM) the server speaks HTTPS instead of HTTP. */
  readonly tls: { readonly certPem: string; readonly keyPem: string } | undefined;
}

export interface RecordedRequest {
  readonly atMs: number;
  readonly method: string;
  /** The path with the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The parsed value when the body is JSON, and the bytes otherwise. */
  readonly body: unknown;
  /** The status of the answer. It is 0 when the connection was closed without an answer. */
  readonly status: number;
}

export interface JobSpec {
  readonly name?: string;
  readonly stage?: string;
  /** The default is the runner's own image. */
  readonly image?: string;
  /** The lines of before_script and script, merged in GitLab's way. The default is `["true"]`. */
  readonly script?: readonly string[];
  readonly afterScript?: readonly string[];
  readonly variables?: readonly FakeVariable[];
  /** The timeout in seconds. The default is 3600. */
  readonly timeout?: number;
  /**
   * Whether another node may continue the job's trace. Such a node learns where the trace ends from
   * a patch that is refused, and has no checksum of the bytes that it has not sent.
   */
  readonly changesNodes?: boolean;
  /** Only the runner with this token gets the job. */
  readonly runnerToken?: string;
  /** The commit to check out. The default is the head of the default branch. */
  readonly sha?: string;
  readonly ref?: string;
  /** The jobs of earlier stages whose artifacts the job gets. */
  readonly dependencies?: readonly FakeEarlierJob[];
  /**
   * This object is merged over the payload after everything above. Objects in it are merged key by
   * key, one level deep.
   */
  readonly payload?: Readonly<Record<string, unknown>>;
}

export interface FakeEarlierJob {
  readonly name: string;
  /** The job's zip, or its path on this machine. A job without an archive has no artifacts. */
  readonly archive: Buffer | string | undefined;
  /** Whether GitLab redirects to another host when a client asks for a direct download. */
  readonly isInObjectStorage?: boolean;
  /** These answers are given one after another, before the file. */
  readonly answers?: readonly FakeAnswer[];
  readonly token?: string;
}

export interface FakeVariable {
  readonly key: string;
  readonly value: string;
  /**
   * The default is true, as in .gitlab-ci.yml. For a masked variable it is false, because such
   * variables come from settings.
   */
  readonly public?: boolean;
  readonly file?: boolean;
  readonly masked?: boolean;
  readonly raw?: boolean;
}

export type FakeJobState = 'pending' | 'running' | 'canceling' | 'canceled' | 'success' | 'failed';

export interface FakeJob {
  readonly id: number;
  readonly token: string;
  readonly name: string;
  readonly state: FakeJobState;
  readonly failureReason: string | undefined;
  readonly exitCode: number | undefined;
  /** Everything that the runner has sent so far. */
  readonly trace: Buffer;
  /**
   * `trace` as a person reads it: text without timestamps, colours, section marks and empty line
   * ends.
   */
  readonly log: string;
  /** The duration in whole seconds of each section of the trace that has ended, by name. */
  readonly sectionSeconds: Readonly<Record<string, number>>;
  /** Everything that the runner has uploaded, in the order of arrival. */
  readonly artifacts: readonly FakeArtifact[];
  /** How often the job was handed out. */
  readonly handedOut: number;
  readonly handedOutAtMs: number | undefined;
  /** The job's terminal, which the runner announced when it asked for the job. */
  readonly session: FakeSession | undefined;
  /** The time when the final state was accepted (200). */
  readonly finishedAtMs: number | undefined;
  /**
   * Cancels the job as a user's click does. The state becomes `canceling` for a runner that cancels
   * gracefully, and `canceled` for other runners.
   */
  cancel(): void;
  /** Deletes the job: every call about it is answered 403 from now on. */
  erase(): void;
  /**
   * Hands the job out once more to the next request, whatever its state is. GitLab's own race can
   * do this (gitlab#578881).
   */
  handOutAgain(): void;
  /**
   * Makes the job pending again, with its token and without a log. GitLab does this when it was
   * restored from a backup.
   */
  restore(): void;
  /**
   * Loses the end of the trace, as GitLab does after a failover. The runner is then answered 416 or
   * 412.
   */
  loseTrace(keptBytes: number): void;
  /** Adds bytes to the end of the trace, as if another runner had sent them. */
  addToTrace(bytes: Buffer): void;
  /**
   * Resolves when the job reaches one of these states. Rejects after the time, with the end of the
   * log.
   */
  whenState(states: readonly FakeJobState[], timeoutMs?: number): Promise<FakeJobState>;
  /** Resolves when the job reaches a final state. The default time is 60 s. */
  whenFinished(timeoutMs?: number): Promise<FakeJobState>;
  /** Resolves with the match when `log` matches. */
  whenLog(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
}

export interface FakeSession {
  readonly url: string;
  readonly certificate: string;
  readonly authorization: string;
}

export interface FakeArtifact {
  readonly filename: string;
  /** The values of `artifact_type` and `artifact_format` in the upload. */
  readonly type: string;
  readonly format: string;
  readonly expireIn: string | undefined;
  /**
   * The content of the file. It is empty when the file is larger than 16 MiB; then only the size
   * and the digest are kept.
   */
  readonly content: Buffer;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface FakeRepository {
  /** The address without credentials. It ends in `.git`. */
  readonly url: string;
  readonly projectPath: string;
  readonly defaultBranch: string;
  readonly headSha: string;
  /**
   * Commits these files (path → content) on a branch and returns the new commit. A file with the
   * name `submodule <path> <commit>` becomes a submodule.
   */
  commit(files: Readonly<Record<string, string>>, branch?: string): Promise<string>;
}

/** Sees each whole request before it is handled. Undefined passes the request on. */
export type Interceptor = (request: InterceptedRequest) => FakeAnswer | undefined;

export interface InterceptedRequest {
  readonly method: string;
  readonly path: string;
  readonly kind:
    | 'job_request'
    | 'update'
    | 'trace'
    | 'upload'
    | 'download'
    | 'verify'
    | 'register'
    | 'git'
    | 'other';
  readonly jobId: number | undefined;
  readonly body: Buffer;
}

export type FakeAnswer =
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** A function makes a new stream for each answer. */
      readonly body?: string | Buffer | (() => Readable);
      /** The request is handled, and its own answer is dropped. */
      readonly afterwards?: boolean;
    }
  /**
   * Closes the connection: with `midway` in the middle of an answer, and with `afterwards` only
   * after the request was handled.
   */
  | { readonly cut: true | 'midway'; readonly afterwards?: boolean }
  /**
   * Passes the request on when the promise settles, unless the runner has closed the connection
   * meanwhile.
   */
  | { readonly hold: Promise<unknown> };

export interface Interception {
  /** The number of requests that it has answered. */
  readonly count: number;
  remove(): void;
}
