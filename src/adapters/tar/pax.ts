/** The records of a pax header. Values are bytes, because some are file names. */
export type PaxRecords = ReadonlyMap<string, Uint8Array>;

/** Formats each record as `LENGTH KEY=VALUE` and a line feed. The length includes itself. */
export function formatPax(records: PaxRecords): Buffer {
  return Buffer.concat(
    [...records].map(([key, value]) => {
      const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
      return Buffer.concat([Buffer.from(String(lengthWithItself(rest.byteLength))), rest]);
    }),
  );
}

function lengthWithItself(restBytes: number): number {
  const guess = restBytes + String(restBytes).length;
  return restBytes + String(guess).length;
}

/** Parses the records. Throws when they are malformed. */
export function parsePax(bytes: Buffer): PaxRecords {
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.byteLength;) {
    const blank = bytes.indexOf(0x20, at);
    const digits = blank === -1 ? '' : bytes.toString('latin1', at, blank);
    const end = at + (/^\d{1,9}$/.test(digits) ? Number(digits) : 0);
    const equals = bytes.indexOf(0x3d, blank);
    const isWhole = end > blank && end <= bytes.byteLength && equals > blank && equals < end;
    if (!isWhole || bytes[end - 1] !== 0x0a) throw new Error('invalid pax header');
    records.set(bytes.toString('utf8', blank + 1, equals), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}
