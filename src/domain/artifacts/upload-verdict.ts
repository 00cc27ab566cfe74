/**
 * How an attempt to upload ended. `unanswered`: the connection broke, or no server was listening.
 */
export type UploadAnswer =
  | 'created'
  | 'redirected'
  | 'forbidden'
  | 'too_large'
  | 'unavailable'
  | 'failed'
  | 'unanswered';

/**
 * What to do after an attempt. `lastLine` is the last line about an upload that failed for good.
 */
export type UploadVerdict =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly because: string }
  | { readonly kind: 'failed'; readonly lastLine: string };

const USUAL_TRIES = 3;
const TRIES_WHEN_UNAVAILABLE = 6;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 5_000;

/**
 * Decides what to do after an attempt to upload. `tries` counts the attempts so far, this one
 * included. Attempts made while GitLab was away altogether are not counted. Source:
 * gitlab-runner `commands/helpers/artifacts_uploader.go` (Run, shouldRetry).
 */
export function judgeUpload(answer: UploadAnswer, said: string, tries: number): UploadVerdict {
  switch (answer) {
    case 'created':
      return { kind: 'done' };
    case 'forbidden':
      return { kind: 'failed', lastLine: 'permission denied' };
    case 'too_large':
      return { kind: 'failed', lastLine: 'too large' };
    case 'redirected':
      return againUntil(USUAL_TRIES, tries, 'request redirected');
    case 'unavailable':
      return againUntil(TRIES_WHEN_UNAVAILABLE, tries, 'service unavailable');
    case 'failed':
    case 'unanswered':
      return againUntil(USUAL_TRIES, tries, said);
  }
}

function againUntil(maxTries: number, tries: number, because: string): UploadVerdict {
  return tries < maxTries ? { kind: 'again', because } : { kind: 'failed', lastLine: because };
}

/**
 * Returns the milliseconds to wait before the next try. Source: gitlab-runner
 * `helpers/retry/retry.go`.
 */
export function uploadPauseMs(tries: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), MAX_PAUSE_MS);
}

/**
 * Whether GitLab may be away altogether. If so, the caller asks GitLab for something else before
 * the try counts. A refusal that concerns the upload itself is not an outage.
 */
export function isOutageLike(answer: UploadAnswer, status: number | undefined): boolean {
  return answer === 'unanswered' || (status ?? 0) >= 500;
}
