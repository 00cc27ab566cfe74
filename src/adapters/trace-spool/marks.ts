/** A length that the trace had on the disk, and the CRC-32 up to there. */
export interface Mark {
  readonly lengthBytes: number;
  readonly crc: number;
}

const MAX_MARKS = 32;

/**
 * Adds a mark. When there are too many, it removes every second one of the older half, so that
 * marks are dense at the end, where disks lose most.
 */
export function addMark(marks: readonly Mark[], next: Mark): readonly Mark[] {
  const { lengthBytes, crc } = next;
  const shorter = marks.filter((mark) => mark.lengthBytes < lengthBytes);
  const all = [...shorter, { lengthBytes, crc }];
  if (all.length <= MAX_MARKS) return all;
  return all.filter((_, index) => index >= MAX_MARKS / 2 || index % 2 === 0);
}

/** Returns the last of `marks` up to which the content is correct; undefined when there is none. */
export async function findLastGood(
  marks: readonly Mark[],
  isGood: (mark: Mark) => Promise<boolean>,
): Promise<Mark | undefined> {
  let goodBelow = 0;
  let badFrom = marks.length;
  while (goodBelow < badFrom) {
    const middle = (goodBelow + badFrom) >> 1;
    const mark = marks[middle];
    if (mark !== undefined && (await isGood(mark))) goodBelow = middle + 1;
    else badFrom = middle;
  }
  return marks[goodBelow - 1];
}
