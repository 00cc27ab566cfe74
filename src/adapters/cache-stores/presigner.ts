/** Makes addresses that allow one method on one object for a short time. */
export interface Presigner {
  /** Throws a FinalError when the configuration or its credentials are unusable. */
  presign(request: PresignRequest): Promise<PresignedRequest>;
}

export interface PresignRequest {
  readonly method: 'GET' | 'PUT';
  readonly object: string;
  /** Stored with the object, names in lower case. Only for PUT. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PresignedRequest {
  /** Whoever knows this address may use it, so it is never shown with its query. */
  readonly url: string;
  /** Headers to send with the request, because they are part of the signature. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * An address is used at once and only by this process. If it leaks into the log of a proxy, it is
 * soon useless. Servers check the time when a request begins, so a long transfer is no problem.
 */
export const PRESIGNED_SECONDS = 3600;

/** Metadata is sent in headers, so other characters are percent-encoded. */
function headerValue(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text.trim() : encodeURIComponent(text);
}

/** Metadata as headers for one kind of store. */
export function metadataHeaders(
  prefix: string,
  metadata: PresignRequest['metadata'],
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [`${prefix}${name}`, headerValue(value)]),
  );
}
