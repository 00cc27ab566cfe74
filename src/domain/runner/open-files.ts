/** How many files and connections a process has open, and how many it may have. */
export interface OpenFiles {
  readonly used: number;
  readonly limit: number;
}

/** Of Node, of Temporal's client and of a node without builds: 40 were counted, and some to come. */
const BASE_FILES = 64;
/** Files and connections of one build at its most: 9 were counted. */
const FILES_OF_A_BUILD = 12;
/** Less than these to spare, and something else uses them up. */
const SPARE_FILES = 24;
/** Node opens many at once while it loads the program: 100 were not enough for that, 110 were. */
const MIN_LIMIT = 128;

export const MORE_FILES =
  'raise it: `ulimit -n`, LimitNOFILE= of systemd, --ulimit nofile= of Docker';

/** Why the program cannot even be loaded; undefined when it can. */
export function describeTooFewFiles({ limit }: OpenFiles): string | undefined {
  if (limit >= MIN_LIMIT) return undefined;
  return `this process may open ${limit} files only, and needs at least ${MIN_LIMIT}; ${MORE_FILES}`;
}

/** How many builds at once the limit allows: at least one. */
export function buildsWithin(limit: number): number {
  return Math.max(1, Math.floor((limit - BASE_FILES - SPARE_FILES) / FILES_OF_A_BUILD));
}

/** Whether no new build must be begun. */
export function areFilesShort({ used, limit }: OpenFiles): boolean {
  return limit - used < SPARE_FILES;
}
