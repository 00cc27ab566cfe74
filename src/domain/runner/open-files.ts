/** The number of files and connections that a process has open, and its limit. */
export interface OpenFiles {
  readonly used: number;
  readonly limit: number;
}

/**
 * Open files of Node, Temporal's client and a node without builds: 40 were counted, the rest is
 * reserve.
 */
const BASE_FILES = 64;
/** The most files and connections of one build: 9 were counted, the rest is reserve. */
const FILES_OF_A_BUILD = 12;
/** With fewer files left than this, something else is using them up. */
const SPARE_FILES = 24;
/**
 * Node opens many files at once while it loads the program: 160 were not enough, 170 were. The
 * number grows with the number of modules.
 */
const MIN_LIMIT = 256;

/** The advice to raise the limit, for messages about too few open files. */
export const MORE_FILES =
  'raise it: `ulimit -n`, LimitNOFILE= of systemd, --ulimit nofile= of Docker';

/** Why the program cannot even be loaded; undefined when it can. */
export function describeTooFewFiles({ limit }: OpenFiles): string | undefined {
  if (limit >= MIN_LIMIT) return undefined;
  return `this process may open ${limit} files only, and needs at least ${MIN_LIMIT}; ${MORE_FILES}`;
}

/** How many builds the limit allows at the same time: at least one. */
export function buildsWithin(limit: number): number {
  return Math.max(1, Math.floor((limit - BASE_FILES - SPARE_FILES) / FILES_OF_A_BUILD));
}

/** Whether so few files are left that no new build must begin. */
export function areFilesShort({ used, limit }: OpenFiles): boolean {
  return limit - used < SPARE_FILES;
}
