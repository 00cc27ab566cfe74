import { createHash } from 'node:crypto';

/** An upload that is larger than this is not kept. Only its size and digest are known. */
export const KEPT_BYTES = 16 * 1024 * 1024;

/** Collects a body while it arrives, or the part of it that is kept. */
export interface ReceivedBody {
  add(chunk: Buffer): void;
  end(): { readonly bytes: Buffer; readonly large: LargeUpload | undefined };
}

/** The only file of a form, when it is too large to be kept. */
export interface LargeUpload {
  readonly sizeBytes: number;
  readonly sha256: string;
}

/**
 * Creates the collector of a body. `boundary` is that of a form, whose file may have any size. It
 * is undefined for all other bodies.
 */
export function receiveBody(boundary: string | undefined): ReceivedBody {
  let chunks: Buffer[] = [];
  let keptBytes = 0;
  let file: ReturnType<typeof receiveFile> | undefined;
  return {
    add: (chunk) => {
      if (file !== undefined) return file.add(chunk);
      chunks.push(chunk);
      keptBytes += chunk.byteLength;
      if (boundary === undefined || keptBytes <= KEPT_BYTES) return;
      const bytes = Buffer.concat(chunks);
      const headBytes = bytes.indexOf('\r\n\r\n') + 4;
      file = receiveFile(`\r\n--${boundary}--\r\n`.length);
      file.add(bytes.subarray(headBytes));
      chunks = [bytes.subarray(0, headBytes)];
    },
    end: () => {
      const large = file?.end();
      return { bytes: Buffer.concat([...chunks, large?.tail ?? Buffer.alloc(0)]), large };
    },
  };
}

/** Computes the digest of a file. The end of the form is left out; its length is known. */
function receiveFile(tailBytes: number) {
  const hash = createHash('sha256');
  let held = Buffer.alloc(0);
  let sizeBytes = 0;
  return {
    add: (chunk: Buffer): void => {
      const all = Buffer.concat([held, chunk]);
      const end = Math.max(0, all.byteLength - tailBytes);
      hash.update(all.subarray(0, end));
      sizeBytes += end;
      held = Buffer.from(all.subarray(end));
    },
    end: () => ({ sizeBytes, sha256: hash.digest('hex'), tail: held }),
  };
}
