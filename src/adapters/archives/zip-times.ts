import type { Entry } from 'yauzl';

// The modification time of a member in its extra fields. Source: Info-ZIP's 0x5455, which
// gitlab-runner writes and reads too, and NTFS's 0x000a, in PKWARE APPNOTE 6.3.10, section 4.5.5.

const UNIX_TIME = 0x5455;
const HAS_MODIFIED = 1;
const NTFS = 0x000a;
/** The time from 1601, where NTFS times begin, to 1970. */
const NTFS_EPOCH_MS = 11_644_473_600_000;
const DAY_MS = 86_400_000;

/**
 * Writes seconds since 1970 in four bytes. Readers disagree about times beyond a signed 32-bit
 * number. Such a time is therefore followed by the NTFS field, which readers that know both prefer
 * when it comes last.
 */
export function timeExtra(modifiedMs: number): Buffer {
  const seconds = Math.floor(modifiedMs / 1000);
  if (seconds >= 0 && seconds <= 0x7fff_ffff) return unixExtra(seconds);
  const isInFourBytes = seconds >= -0x8000_0000 && seconds <= 0xffff_ffff;
  return Buffer.concat([...(isInFourBytes ? [unixExtra(seconds)] : []), ntfsExtra(seconds * 1000)]);
}

function unixExtra(seconds: number): Buffer {
  const field = Buffer.alloc(9);
  field.writeUInt16LE(UNIX_TIME, 0);
  field.writeUInt16LE(5, 2);
  field.writeUInt8(HAS_MODIFIED, 4);
  field.writeUInt32LE(seconds >>> 0, 5);
  return field;
}

function ntfsExtra(modifiedMs: number): Buffer {
  const time = BigInt(Math.max(modifiedMs + NTFS_EPOCH_MS, 0)) * 10_000n;
  const field = Buffer.alloc(36);
  field.writeUInt16LE(NTFS, 0);
  field.writeUInt16LE(32, 2);
  field.writeUInt16LE(1, 8);
  field.writeUInt16LE(24, 10);
  for (const at of [12, 20, 28]) field.writeBigUInt64LE(time, at);
  return field;
}

/** Returns when a member was modified. Unusable fields are skipped. */
export function modifiedMsOf(entry: Entry): number {
  const signedSeconds = unixSecondsIn(entry);
  if (signedSeconds !== undefined && signedSeconds >= 0) return signedSeconds * 1000;
  return ntfsMsIn(entry) ?? ambiguousMs(entry, signedSeconds);
}

function unixSecondsIn({ extraFields }: Entry): number | undefined {
  const data = extraFields.find(({ id }) => id === UNIX_TIME)?.data;
  const isKnown = data !== undefined && data.byteLength >= 5 && (Number(data[0]) & 1) === 1;
  return isKnown ? data.readInt32LE(1) : undefined;
}

function ntfsMsIn({ extraFields }: Entry): number | undefined {
  const data = extraFields.find(({ id }) => id === NTFS)?.data;
  if (data?.byteLength !== 32 || data.readUInt32LE(4) !== 0x0018_0001) return undefined;
  return Number(data.readBigUInt64LE(8) / 10_000_000n) * 1000 - NTFS_EPOCH_MS;
}

/**
 * Decides between a time before 1970 and one after 2038 by the DOS time, which is always present
 * but has no time zone.
 */
function ambiguousMs(entry: Entry, signedSeconds: number | undefined): number {
  const dosMs = entry.getLastModDate({ forceDosFormat: true, timezone: 'UTC' }).getTime();
  if (signedSeconds === undefined) return Number.isFinite(dosMs) ? dosMs : 0;
  const laterMs = (signedSeconds + 2 ** 32) * 1000;
  return Math.abs(dosMs - laterMs) <= DAY_MS ? laterMs : signedSeconds * 1000;
}
