import type { Payload } from '@temporalio/common';

/**
 * The mark is in the payload's metadata: the UI ignores it there, and a second codec sees it too.
 */
const KEY = 'temporal-gitlab-runner-clear';
const YES = new Uint8Array([1]);

/** Marks a payload as one that the codec leaves in the clear. */
export function markClear(payload: Payload): Payload {
  return { ...payload, metadata: { ...payload.metadata, [KEY]: YES } };
}

/** Whether a payload was marked by {@link markClear}. */
export function isMarkedClear({ metadata }: Payload): boolean {
  return metadata?.[KEY] !== undefined;
}
