/** How long the trace once was on the disk, and the CRC-32 of it up to there. */
export interface Mark {
  readonly lengthBytes: number;
  readonly crc: number;
}

const MAX_MARKS = 32;

/** Of the older half every second one goes: close together at the end, where disks lose most. */
export function addMark(marks: readonly Mark[], next: Mark): readonly Mark[] {
  const { lengthBytes, crc } = next;
  const shorter = marks.filter((mark) => mark.lengthBytes < lengthBytes);
  const all = [...shorter, { lengthBytes, crc }];
  if (all.length <= MAX_MARKS) return all;
  return all.filter((_, index) => index >= MAX_MARKS / 2 || index % 2 === 0);
}

/** The last of `marks`, in their order, up to which all is right; undefined when none is. */
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
