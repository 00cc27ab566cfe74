import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { ApiContent } from './http.ts';

export interface FormFile {
  /** Path on the node. */
  readonly file: string;
  /** Name of the form's field. */
  readonly field: string;
  readonly filename: string;
}

/**
 * Builds a form with one file, which is read from the disk while it is sent. Source: Go
 * `mime/multipart`.
 */
export function multipartOf({ file, field, filename }: FormFile): ApiContent {
  const boundary = randomBytes(30).toString('hex');
  const head = [
    `--${boundary}`,
    `Content-Disposition: form-data; name="${escape(field)}"; filename="${escape(filename)}"`,
    'Content-Type: application/octet-stream',
    '',
    '',
  ].join('\r\n');
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    stream: async function* () {
      yield Buffer.from(head);
      yield* createReadStream(file, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Uint8Array>;
      yield Buffer.from(`\r\n--${boundary}--\r\n`);
    },
  };
}

const CHUNK_BYTES = 256 * 1024;

function escape(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\r', '%0D')
    .replaceAll('\n', '%0A');
}
