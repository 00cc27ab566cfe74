import type { FailureReason } from '../domain/context/outcome.ts';
import type { SessionOffer } from '../domain/session/session.ts';
import type { TraceWindow } from '../domain/trace/content-range.ts';
import type { PatchPermit } from '../domain/trace/patch-size.ts';

/** GitLab's runner API. One instance serves one `[[runners]]` entry. */
export interface Coordinator {
  /**
   * Asks for a job. `mayWait` sends `last_update`, so that GitLab may hold the request open (long
   * poll, 50 s); otherwise GitLab answers at once. A request is never aborted, because an answer
   * with a job must not be lost.
   */
  requestJob(options: JobRequestOptions): Promise<JobReply>;
  /** Sends a state. Throws TransientError when the call should be tried again. */
  updateJob(job: JobCredentials, update: JobUpdate): Promise<UpdateReply>;
  /**
   * Permits the next patch of a trace that has this many unsent bytes. Give the permit back when
   * the patch was answered.
   */
  takePatchPermit(waitingBytes: number): PatchPermit;
  /** Sends bytes of the trace. `body` is exactly the window. */
  patchTrace(job: JobCredentials, patch: TracePatch): Promise<PatchReply>;
  /**
   * Sends one packed file, which is read from the disk during the request. Throws TransientError
   * when there is no answer, or one that asks to wait. Fails at once when the signal aborts.
   */
  uploadArtifact(job: JobCredentials, upload: ArtifactUpload): Promise<ArtifactReply>;
  /**
   * Downloads the artifacts of an earlier job into a file of this node, following redirects. The
   * token never leaves GitLab's own host. Throws a FinalError when the file cannot be written.
   * Fails at once when the signal aborts.
   */
  downloadArtifact(job: JobCredentials, options: DownloadRequest): Promise<DownloadReply>;
}

/** The options of a job request. */
export interface JobRequestOptions {
  readonly mayWait: boolean;
  /** The web terminal that the job will have. */
  readonly session?: SessionOffer | undefined;
}

/** The id of a job and the token that authorises calls about it. The token is secret. */
export interface JobCredentials {
  readonly jobId: number;
  readonly token: string;
}

/** The answer to a request for a job. */
export type JobReply =
  | {
      readonly kind: 'job';
      /** The parsed but unchecked JSON of the answer. */
      readonly payload: unknown;
      readonly correlationId: string;
      readonly tlsCaPem: string | undefined;
      readonly tlsCertPem: string | undefined;
      readonly tlsKeyPem: string | undefined;
    }
  | { readonly kind: 'no_job' }
  /** 403: the token is not valid. Only this answer counts against the runner's health. */
  | { readonly kind: 'forbidden'; readonly message: string }
  /** Any other answer without a job: lost race, outage, rate limit, malformed answer. */
  | { readonly kind: 'failed'; readonly message: string };

/** The state of a job for the coordinator. */
export interface JobUpdate {
  readonly state: 'running' | 'success' | 'failed';
  readonly failureReason?: FailureReason;
  readonly exitCode?: number;
  /** `crc32:` and 8 hex digits over all bytes of the trace. */
  readonly checksum?: string;
  readonly byteSize?: number;
}

/** What the `Job-Status` header asks of a running job. */
export type RemoteJobState = 'running' | 'canceling' | 'aborted';

/** The answer to a job update. */
export type UpdateReply =
  | { readonly kind: 'done'; readonly remote: RemoteJobState }
  /** 202: the coordinator has not stored the whole trace yet. The same update is sent again. */
  | { readonly kind: 'pending'; readonly retryAfterMs: number }
  /** 412: the coordinator's trace is broken. The trace is sent again from its first byte. */
  | { readonly kind: 'trace_invalid' }
  /** 403, 404: the coordinator no longer wants this job. */
  | { readonly kind: 'job_gone'; readonly status: number }
  /** 409 to `running`: at the acknowledgement, the job was given to another runner. */
  | { readonly kind: 'conflict' };

/** Bytes of a trace and their place in it. */
export interface TracePatch {
  readonly window: TraceWindow;
  readonly body: Uint8Array;
  readonly debugTrace: boolean;
}

/** The answer to a trace patch. */
export type PatchReply =
  | {
      readonly kind: 'accepted';
      readonly remote: RemoteJobState;
      readonly updateIntervalMs: number | undefined;
    }
  | {
      readonly kind: 'range_mismatch';
      /** Number of bytes that the coordinator has; 0 when its header is unreadable. */
      readonly remoteLengthBytes: number;
      readonly remote: RemoteJobState;
      readonly updateIntervalMs: number | undefined;
    }
  | { readonly kind: 'job_gone'; readonly status: number }
  /** 404 while the job runs: the same bytes are sent again later, and the job continues. */
  | { readonly kind: 'not_found' }
  /** 413 for a patch larger than every GitLab takes. Later patches must not exceed that size. */
  | { readonly kind: 'too_large' };

/** A packed file to upload as artifacts. */
export interface ArtifactUpload {
  /** Path of the file on the node. */
  readonly file: string;
  /** The file's name in GitLab, with its ending. */
  readonly filename: string;
  /** Sent to GitLab as the payload has them. An empty text is not sent. */
  readonly format: string;
  readonly type: string;
  readonly expireIn: string;
  /** An address that GitLab redirected to; undefined for the usual one. */
  readonly url: string | undefined;
  readonly signal: AbortSignal;
}

/** The answer to an upload. */
export type ArtifactReply = {
  readonly status: number;
  /** The status in words, or GitLab's own message. It is one line, without secrets. */
  readonly said: string;
  readonly correlationId: string;
} & (
  | { readonly kind: 'created' }
  /** 307 and 308: send the same request with the whole body to this address. */
  | { readonly kind: 'redirected'; readonly url: string }
  /** 403: the job accepts no more artifacts. */
  | { readonly kind: 'forbidden' }
  /** 413: larger than GitLab accepts. */
  | { readonly kind: 'too_large' }
  /** 503: GitLab asks to try later. */
  | { readonly kind: 'unavailable' }
  /** Any other answer. */
  | { readonly kind: 'failed' }
);

/** A download of a job's artifacts. */
export interface DownloadRequest {
  /** Path on the node. An existing file is replaced. */
  readonly file: string;
  /** True: GitLab may redirect to its object storage instead of relaying the file. */
  readonly isDirect: boolean;
  readonly signal: AbortSignal;
}

/** The result of a download. */
export interface DownloadReply {
  /**
   * `unreachable`: there was no complete answer. `failed`: any status without a kind of its own.
   */
  readonly kind: 'done' | 'unauthorized' | 'forbidden' | 'not_found' | 'failed' | 'unreachable';
  /** HTTP status; 0 without an answer. */
  readonly status: number;
  /**
   * The status in words, GitLab's own message, or what went wrong. It is one line, without secrets.
   */
  readonly said: string;
  readonly correlationId: string;
  /** Host of the server that gave the last answer. */
  readonly host: string;
  /** The pause that was asked for in the last answer, when nobody has waited for it yet. */
  readonly retryAfterMs?: number | undefined;
}
