/** What every GitLab takes in one patch, and what its own runner sends: 1 MiB. */
export const USUAL_PATCH_BYTES: number = 1024 * 1024;
/** A larger one saves no time that could be noticed. */
const LARGEST_PATCH_BYTES = 4 * 1024 * 1024;
/** So many builds of a node send large patches at the same time, which bounds the memory for them. */
const LARGE_AT_ONCE = 2;
/** One may fail with the line. */
const LARGE_TRIES = 2;

/** Counts the patches of a node above {@link USUAL_PATCH_BYTES} that are under way. */
export interface LargePatches {
  /** False when there are enough already. */
  begin(): boolean;
  end(): void;
}

/** One for all GitLabs of a node, because its memory is the same. */
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
export interface PatchRoom {
  readonly maxBytes: number;
  /** Called once, when the patch was answered or has failed. */
  giveBack(): void;
}

/** What has become of a patch. */
export type PatchFate = 'taken' | 'too_large' | 'failed';

/** How many bytes a patch to one GitLab may have. */
export interface PatchSizes {
  /** For a trace of which so many bytes wait to be sent. */
  take(waitingBytes: number): PatchRoom;
  learn(sentBytes: number, fate: PatchFate): void;
}

/**
 * Patches grow while a log is far behind and GitLab takes them. After a fault they begin small again.
 * A GitLab that has called one too large never gets a large one again, nor does one whose proxy cuts
 * them off instead: the second large one in a row that fails is the last.
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
