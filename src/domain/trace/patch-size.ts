/** The size that every GitLab accepts in one patch, and that gitlab-runner sends: 1 MiB. */
export const USUAL_PATCH_BYTES: number = 1024 * 1024;
/** Larger patches save no noticeable time. */
const LARGEST_PATCH_BYTES = 4 * 1024 * 1024;
/**
 * Number of builds of a node that may send large patches at the same time. It bounds the memory for
 * them.
 */
const LARGE_AT_ONCE = 2;
/** After this many failures in a row no large patch is sent. One may fail with the connection. */
const LARGE_TRIES = 2;

/** Counts the patches of a node above {@link USUAL_PATCH_BYTES} that are in progress. */
export interface LargePatches {
  /** Begins a large patch. Returns false when enough of them are in progress. */
  begin(): boolean;
  end(): void;
}

/** Creates the count. All GitLabs of a node share it, because they share the node's memory. */
export function createLargePatches(): LargePatches {
  let underWay = 0;
  return {
    begin: () => {
      if (underWay >= LARGE_AT_ONCE) return false;
      underWay += 1;
      return true;
    },
    end: () => {
      underWay -= 1;
    },
  };
}

/** Permission to send one patch. */
export interface PatchPermit {
  readonly maxBytes: number;
  /** Call it once, when the patch was answered or has failed. */
  giveBack(): void;
}

/** The result of a patch. */
export type PatchFate = 'taken' | 'too_large' | 'failed';

/** Decides how many bytes a patch to one GitLab may have. */
export interface PatchSizes {
  /** Returns the permit for the next patch of a trace that has this many unsent bytes. */
  take(waitingBytes: number): PatchPermit;
  learn(sentBytes: number, fate: PatchFate): void;
}

/**
 * Creates the sizes. Patches grow while a log is far behind and GitLab accepts them. After a fault
 * they begin small again. A GitLab that has refused one as too large never gets a large one again.
 * The same applies when a proxy cuts them off: after two large ones in a row have failed, no other
 * is sent.
 */
export function createPatchSizes(large: LargePatches): PatchSizes {
  let ceilingBytes = LARGEST_PATCH_BYTES;
  let sizeBytes = USUAL_PATCH_BYTES;
  let failedLarge = 0;
  return {
    take: (waitingBytes) => {
      const isLarge = Math.min(waitingBytes, sizeBytes) > USUAL_PATCH_BYTES && large.begin();
      let isHeld = isLarge;
      return {
        maxBytes: isLarge ? sizeBytes : USUAL_PATCH_BYTES,
        giveBack: () => {
          if (isHeld) large.end();
          isHeld = false;
        },
      };
    },
    learn: (sentBytes, fate) => {
      if (sentBytes > USUAL_PATCH_BYTES) failedLarge = fate === 'taken' ? 0 : failedLarge + 1;
      if (fate === 'too_large' || failedLarge >= LARGE_TRIES) ceilingBytes = USUAL_PATCH_BYTES;
      if (fate !== 'taken') sizeBytes = USUAL_PATCH_BYTES;
      else if (sentBytes >= sizeBytes) sizeBytes = Math.min(sizeBytes * 2, ceilingBytes);
    },
  };
}
