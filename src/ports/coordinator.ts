import type { FailureReason } from '../domain/context/outcome.ts';
import type { TraceWindow } from '../domain/trace/content-range.ts';

/** What GitLab calls its runner API. One instance serves one `[[runners]]` entry. */
export interface Coordinator {
  /**
   * Asks for a job. `mayWait` sends `last_update` along, so that GitLab may hold the request open
   * (long poll, 50 s); without it GitLab answers at once. The request is never given up half way:
   * an answer that hands out a job must not be lost.
   */
  requestJob(options: { readonly mayWait: boolean }): Promise<JobReply>;
  /** Sends a state. Throws TransientError for answers worth another try. */
  updateJob(job: JobCredentials, update: JobUpdate): Promise<UpdateReply>;
  /** Sends bytes of the trace. `body` is exactly the window. */
  patchTrace(job: JobCredentials, patch: TracePatch): Promise<PatchReply>;
  /**
   * Sends one packed file, read from the disk as it goes. Throws TransientError when there is no
   * answer, or one that asks to wait. Once the signal aborts it fails at once.
   */
  uploadArtifact(job: JobCredentials, upload: ArtifactUpload): Promise<ArtifactReply>;
  /**
   * Fetches what an earlier job has kept into a file of this node: one request, and those that its
   * redirects make of it. The token never leaves GitLab's own host. Fails with a FinalError when
   * the file cannot be written; once the signal aborts it fails at once.
   */
  downloadArtifact(job: JobCredentials, options: DownloadRequest): Promise<DownloadReply>;
}

export interface JobCredentials {
  readonly jobId: number;
  readonly token: string;
}

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
  /** 403: the token is not valid. Counts against the runner's health; nothing else does. */
  | { readonly kind: 'forbidden'; readonly message: string }
  /** Anything else that gave no job: lost race, outage, rate limit, nonsense for an answer. */
  | { readonly kind: 'failed'; readonly message: string };

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

export type UpdateReply =
  | { readonly kind: 'done'; readonly remote: RemoteJobState }
  /** 202: the coordinator has not yet stored all of the trace; the same update is sent again. */
  | { readonly kind: 'pending'; readonly retryAfterMs: number }
  /** 412: the coordinator's trace is broken; it is sent again from its first byte. */
  | { readonly kind: 'trace_invalid' }
  /** 403, 404: nothing more is wanted of this job. */
  | { readonly kind: 'job_gone'; readonly status: number }
  /** 409 on the acknowledgement: the job was given to another runner. */
  | { readonly kind: 'conflict' };

export interface TracePatch {
  readonly window: TraceWindow;
  readonly body: Uint8Array;
  readonly debugTrace: boolean;
}

export type PatchReply =
  | {
      readonly kind: 'accepted';
      readonly remote: RemoteJobState;
      readonly updateIntervalMs: number | undefined;
    }
  | {
      readonly kind: 'range_mismatch';
      /** Bytes the coordinator holds; 0 when its header says nothing readable. */
      readonly remoteLengthBytes: number;
      readonly remote: RemoteJobState;
      readonly updateIntervalMs: number | undefined;
    }
  | { readonly kind: 'job_gone'; readonly status: number }
  /** 404 while the job runs: the patch is dropped, the job goes on. */
  | { readonly kind: 'not_found' };

export interface ArtifactUpload {
  /** Host path of what is sent. */
  readonly file: string;
  /** As GitLab is to name it, with its ending. */
  readonly filename: string;
  /** Echoed to GitLab as the payload has them; '' is not sent. */
  readonly format: string;
  readonly type: string;
  readonly expireIn: string;
  /** Where to instead of the usual place: an address that GitLab has pointed to. */
  readonly url: string | undefined;
  readonly signal: AbortSignal;
}

export type ArtifactReply = {
  readonly status: number;
  /** The status in words, or GitLab's own ones. One line, without secrets. */
  readonly said: string;
  readonly correlationId: string;
} & (
  | { readonly kind: 'created' }
  /** 307 and 308: the same, with all of the body, to this address. */
  | { readonly kind: 'redirected'; readonly url: string }
  /** 403: the job takes no more. */
  | { readonly kind: 'forbidden' }
  /** 413. */
  | { readonly kind: 'too_large' }
  /** 503. */
  | { readonly kind: 'unavailable' }
  /** Anything else. */
  | { readonly kind: 'failed' }
);

export interface DownloadRequest {
  /** Host path. What is there is replaced. */
  readonly file: string;
  /** Lets GitLab point to its object storage, instead of handing the file through. */
  readonly isDirect: boolean;
  readonly signal: AbortSignal;
}

export interface DownloadReply {
  /** `unreachable`: no answer, or not all of it. `failed`: any status that has no kind of its own. */
  readonly kind: 'done' | 'unauthorized' | 'forbidden' | 'not_found' | 'failed' | 'unreachable';
  /** 0 without an answer. */
  readonly status: number;
  /** The status in words, GitLab's own ones, or what went wrong. One line, without secrets. */
  readonly said: string;
  readonly correlationId: string;
  /** Of the server that had the last word. */
  readonly host: string;
}
