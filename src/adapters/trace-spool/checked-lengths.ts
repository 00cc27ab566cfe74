/** A length that the trace had on the disk, and the CRC-32 up to there. */
export interface CheckedLength {
  readonly lengthBytes: number;
  readonly crc: number;
}

const MAX_LENGTHS = 32;

/**
 * Adds a length. When there are too many, it removes every second one of the older half, so that
 * they are dense at the end, where disks lose most.
 */
export function addCheckedLength(
  lengths: readonly CheckedLength[],
  next: CheckedLength,
): readonly CheckedLength[] {
  const { lengthBytes, crc } = next;
  const shorter = lengths.filter((length) => length.lengthBytes < lengthBytes);
  const all = [...shorter, { lengthBytes, crc }];
  if (all.length <= MAX_LENGTHS) return all;
  return all.filter((_, index) => index >= MAX_LENGTHS / 2 || index % 2 === 0);
}

/** Returns the last length up to which the content is correct; undefined when there is none. */
export async function findLastGood(
  lengths: readonly CheckedLength[],
  isGood: (length: CheckedLength) => Promise<boolean>,
): Promise<CheckedLength | undefined> {
  let goodBelow = 0;
  let badFrom = lengths.length;
  while (goodBelow < badFrom) {
    const middle = (goodBelow + badFrom) >> 1;
    const length = lengths[middle];
    if (length !== undefined && (await isGood(length))) goodBelow = middle + 1;
    else badFrom = middle;
  }
  return lengths[goodBelow - 1];
}
