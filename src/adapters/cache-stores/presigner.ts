/** Makes addresses that allow one method on one object for a short time. */
export interface Presigner {
  /** Throws a FinalError when the configuration or its credentials are unusable. */
  presign(request: PresignRequest): Promise<PresignedRequest>;
}

export interface PresignRequest {
  readonly method: 'GET' | 'PUT';
  readonly object: string;
  /** Metadata to store with the object. Names are in lower case. Only for PUT. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PresignedRequest {
  /** The address. Anybody who knows it may use it, so it is never shown with its query. */
  readonly url: string;
  /** Headers to send with the request, because they are part of the signature. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Returns the requests that upload a file of this size, one after another; undefined when one
   * request takes it as a whole. Absent when one request takes any size.
   */
  readonly partsOf?: (sizeBytes: number) => readonly UploadPart[] | undefined;
}

/** One of several requests that upload a file together. */
export interface UploadPart {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly content: ByteRange | string;
}

/** The bytes [startByte, endByte) of the file. */
export interface ByteRange {
  readonly startByte: number;
  readonly endByte: number;
}

/**
 * How long an address is valid. Only this process uses it, and at once; an address that leaks into
 * the log of a proxy is soon useless. Servers check the time when a request begins, so a long
 * transfer is no problem.
 */
export const PRESIGNED_SECONDS = 3600;

/** Encodes metadata for a header: characters that are not allowed there are percent-encoded. */
function headerValue(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text.trim() : encodeURIComponent(text);
}

/** Formats metadata as headers for one kind of store. */
export function metadataHeaders(
  prefix: string,
  metadata: PresignRequest['metadata'],
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [`${prefix}${name}`, headerValue(value)]),
  );
}
