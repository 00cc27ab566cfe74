// Types only: a part of ports.ts.

/** An object store for the caches of one `[[runners]]` entry. */
export interface CacheStore {
  /** Downloads an object into a file, unless what is here already is as new. */
  download(object: string, options: CacheDownload): Promise<CacheReply>;
  /** Uploads a file as an object, which is replaced as a whole. */
  upload(object: string, options: CacheUpload): Promise<void>;
  /** Whether there is such an object; false when that is not known. */
  has(object: string, call: CacheCall): Promise<boolean>;
}

/**
 * One request to a store. It fails with TransientError when the server is in trouble or cannot be
 * reached, with FinalError when it refuses.
 */
export interface CacheCall {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface CacheDownload extends CacheCall {
  /** Host path. */
  readonly file: string;
  /** undefined when there is none here. */
  readonly localModifiedMs: number | undefined;
}

export interface CacheUpload extends CacheCall {
  readonly file: string;
  readonly modifiedMs: number;
  /** Names in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
}

export type CacheReply =
  | { readonly kind: 'missing' }
  | { readonly kind: 'up_to_date' }
  /** `address` is for people: without what authorises. */
  | { readonly kind: 'downloaded'; readonly modifiedMs: number; readonly address: string };
