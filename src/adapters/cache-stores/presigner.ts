/** Makes addresses that allow one method on one object for a short time. */
export interface Presigner {
  /** Fails with a FinalError when the configuration or its credentials are of no use. */
  presign(request: PresignRequest): Promise<PresignedRequest>;
}

export interface PresignRequest {
  readonly method: 'GET' | 'PUT';
  readonly object: string;
  /** Kept with the object: names in lower case. Of PUT only. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PresignedRequest {
  /** Whoever knows it may do the one thing that it allows: never shown with its query. */
  readonly url: string;
  /** To be sent along: they are part of what was signed. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * An address is used at once, and by this process alone: what leaks of it in some proxy's log is of
 * no use soon. A server checks it when the request begins, so a long transfer is no matter.
 */
export const PRESIGNED_SECONDS = 3600;

/** Metadata travels in headers: what cannot stand there is encoded as in an address. */
function headerValue(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text.trim() : encodeURIComponent(text);
}

/** Metadata as the headers of one kind of store. */
export function metadataHeaders(
  prefix: string,
  metadata: PresignRequest['metadata'],
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [`${prefix}${name}`, headerValue(value)]),
  );
}
