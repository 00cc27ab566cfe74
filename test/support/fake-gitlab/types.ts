import type { Readable } from 'node:stream';

/** A strict GitLab for tests and for the quickstart: the coordinator API and a git server, in memory. */
export interface FakeGitLab {
  /** `http://<advertiseHost>:<port>`, what goes into config.toml. */
  readonly url: string;
  /** Every request so far, in the order of arrival. Tokens are kept: it is a test's own server. */
  readonly requests: readonly RecordedRequest[];
  /**
   * Violations that a real GitLab would refuse, or that break the protocol: a gap in the trace, a
   * missing header, a token of somebody else. Tests assert that there are none.
   */
  readonly violations: readonly string[];
  /** The git repository that jobs clone, over smart HTTP. */
  readonly repository: FakeRepository;
  /** A runner created in GitLab's UI: `token` is its `glrt-…` authentication token. */
  addRunner(runner: { readonly token: string; readonly id?: number }): void;
  /** Its token is answered 403 from now on. */
  removeRunner(token: string): void;
  /** Accepted by `POST /runners`, the legacy registration. */
  addRegistrationToken(token: string): void;
  /** Puts a job into the queue. Without `runnerToken` any runner may have it. */
  addJob(job?: JobSpec): FakeJob;
  readonly jobs: readonly FakeJob[];
  /** Answers in place of the server until it is removed. The first matching one is used. */
  intercept(interceptor: Interceptor): Interception;
  close(): Promise<void>;
}

export interface FakeGitLabOptions {
  /** Address to listen on; `127.0.0.1` unless set. */
  readonly host: string;
  /** Free port unless set. */
  readonly port: number;
  /**
   * Id of the first job. Unless set a large random one: several fakes on one machine share Docker,
   * and names of containers have the job's id in them.
   */
  readonly firstJobId: number;
  /** Host in `url` and in the repository's address: containers must reach it. `host` unless set. */
  readonly advertiseHost: string;
  /** How long a job request with the current `last_update` is held open. 50 s unless set. */
  readonly longPollMs: number;
  /** `X-GitLab-Trace-Update-Interval` of trace answers; 3 unless set. */
  readonly traceUpdateIntervalSeconds: number;
  /**
   * How long a runner with `two_phase_job_commit` may take to confirm a job before it is handed out
   * again. Two minutes unless set.
   */
  readonly acknowledgeMs: number;
  /** Serves https with this certificate (PEM) instead of http. */
  readonly tls: { readonly certPem: string; readonly keyPem: string } | undefined;
}

export interface RecordedRequest {
  readonly atMs: number;
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Parsed when it is JSON; bytes otherwise. */
  readonly body: unknown;
  /** Status of the answer; 0 when the connection was cut. */
  readonly status: number;
}

export interface JobSpec {
  readonly name?: string;
  readonly stage?: string;
  /** Default: the runner's own image. */
  readonly image?: string;
  /** Lines of before_script and script, merged as GitLab does it. Default `["true"]`. */
  readonly script?: readonly string[];
  readonly afterScript?: readonly string[];
  readonly variables?: readonly FakeVariable[];
  /** Seconds; 3600 unless set. */
  readonly timeout?: number;
  /**
   * Another node may continue its trace. It learns the end from a patch that does not fit, and has
   * no checksum of bytes that it has not sent.
   */
  readonly changesNodes?: boolean;
  /** Only the runner with this token gets it. */
  readonly runnerToken?: string;
  /** Commit to check out; head of the default branch unless set. */
  readonly sha?: string;
  readonly ref?: string;
  /** Jobs of earlier stages whose artifacts it gets. */
  readonly dependencies?: readonly FakeEarlierJob[];
  /** Merged over the payload after all of the above; objects in it key by key, one level deep. */
  readonly payload?: Readonly<Record<string, unknown>>;
}

export interface FakeEarlierJob {
  readonly name: string;
  /** Its zip, or the host path of it. Without one it has no artifacts. */
  readonly archive: Buffer | string | undefined;
  /** GitLab points to another host when it is asked for a direct download. */
  readonly isInObjectStorage?: boolean;
  /** Given, one after another, instead of the file. */
  readonly answers?: readonly FakeAnswer[];
  readonly token?: string;
}

export interface FakeVariable {
  readonly key: string;
  readonly value: string;
  /** Unless set: true as in .gitlab-ci.yml, but false for a masked one, which comes from settings. */
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
  /** What the runner has sent so far. */
  readonly trace: Buffer;
  /**
   * `trace` as text without timestamps, colours, section marks and empty line ends, as a person
   * reads it.
   */
  readonly log: string;
  /** Title lines and times of the trace's sections, by name, once the section has ended. */
  readonly sectionSeconds: Readonly<Record<string, number>>;
  /** What the runner has uploaded, in the order of arrival. */
  readonly artifacts: readonly FakeArtifact[];
  /** How often the job was handed out. */
  readonly handedOut: number;
  readonly handedOutAtMs: number | undefined;
  /** Its terminal, as the runner announced it when it asked for the job. */
  readonly session: FakeSession | undefined;
  /** When the final state was accepted (200). */
  readonly finishedAtMs: number | undefined;
  /** As a user's click on cancel: `canceling` for a runner that cancels gracefully, else `canceled`. */
  cancel(): void;
  /** Deletes the job: every call about it is answered 403 from now on. */
  erase(): void;
  /**
   * Hands the job out once more to the next request, in whatever state it is, as GitLab does by a
   * race of its own (gitlab#578881).
   */
  handOutAgain(): void;
  /** Is pending again, with its token and without a log: GitLab was restored from a backup. */
  restore(): void;
  /** Loses the end of the trace, as after a failover: the runner is answered 416 or 412 then. */
  loseTrace(keptBytes: number): void;
  /** Has bytes at the end of the trace that came from another runner. */
  addToTrace(bytes: Buffer): void;
  /** Resolves when the job reaches one of these states; rejects with the log's end after the time. */
  whenState(states: readonly FakeJobState[], timeoutMs?: number): Promise<FakeJobState>;
  /** Resolves in a final state. 60 s unless set. */
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
  /** `artifact_type` and `artifact_format` of the upload. */
  readonly type: string;
  readonly format: string;
  readonly expireIn: string | undefined;
  /** Empty when it is larger than 16 MiB: of such a one only size and digest are kept. */
  readonly content: Buffer;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface FakeRepository {
  /** Without credentials, ends in `.git`. */
  readonly url: string;
  readonly projectPath: string;
  readonly defaultBranch: string;
  readonly headSha: string;
  /**
   * Commits these files (path → content) on a branch and returns the new commit. One of the name
   * `submodule <path> <commit>` becomes a submodule.
   */
  commit(files: Readonly<Record<string, string>>, branch?: string): Promise<string>;
}

/** Gets the whole request before it is handled; undefined lets it through. */
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
      /** Of its own for each answer when it comes bit by bit. */
      readonly body?: string | Buffer | (() => Readable);
      /** The request is executed, and its own answer is dropped. */
      readonly afterwards?: boolean;
    }
  /**
   * Closes the connection, with `midway` in the middle of an answer, with `afterwards` only after
   * the request was executed.
   */
  | { readonly cut: true | 'midway'; readonly afterwards?: boolean }
  /** Lets the request through only then, unless the runner has closed the connection meanwhile. */
  | { readonly hold: Promise<unknown> };

export interface Interception {
  /** How many requests it has answered. */
  readonly count: number;
  remove(): void;
}
