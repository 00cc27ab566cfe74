/** An object store for the caches of one `[[runners]]` entry. */
export interface CacheStore {
  /** Downloads an object into a file, unless the local copy is as recent. */
  download(object: string, options: CacheDownload): Promise<CacheReply>;
  /** Uploads a file as an object, which is replaced as a whole. */
  upload(object: string, options: CacheUpload): Promise<void>;
  /** Whether the object exists. Returns false when that is not known. */
  has(object: string, call: CacheCall): Promise<boolean>;
}

/**
 * One request to a store. It throws TransientError when the server has a fault or cannot be
 * reached, and FinalError when it refuses.
 */
export interface CacheCall {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A download of an object. */
export interface CacheDownload extends CacheCall {
  /** Path of the file on the node. */
  readonly file: string;
  /** When the local copy was modified, in milliseconds; undefined when there is none. */
  readonly localModifiedMs: number | undefined;
}

/**
 * An upload of an object. `file` is a path on the node, and `modifiedMs` tells when the content was
 * last modified.
 */
export interface CacheUpload extends CacheCall {
  readonly file: string;
  readonly modifiedMs: number;
  /** The names are in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The result of a download. */
export type CacheReply =
  | { readonly kind: 'missing' }
  | { readonly kind: 'up_to_date' }
  /** `address` is for people and contains no credentials. */
  | { readonly kind: 'downloaded'; readonly modifiedMs: number; readonly address: string };
