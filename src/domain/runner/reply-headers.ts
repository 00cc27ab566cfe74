const MAX_UPDATE_INTERVAL_MS = 15 * 60_000;

/**
 * `X-GitLab-Trace-Update-Interval` (seconds) in milliseconds, at most 15 minutes. undefined when
 * absent, not a whole number, or not above 0: the last interval then stays in force. Source:
 * gitlab-runner `network/remote_job_state_response.go`, `network/trace.go`.
 */
export function parseUpdateIntervalMs(header: string | null): number | undefined {
  if (header === null || !/^\s*\d+\s*$/.test(header)) return undefined;
  const intervalMs = Number(header) * 1000;
  return intervalMs > 0 ? Math.min(intervalMs, MAX_UPDATE_INTERVAL_MS) : undefined;
}

/**
 * What the `Job-Status` header asks of a job: `canceling` gracefully, `aborted` at once, or (for
 * any other or no word) to continue as `running`. Source: gitlab-runner
 * `network/remote_job_state_response.go`.
 */
export function parseRemoteState(header: string | null): 'running' | 'canceling' | 'aborted' {
  switch (header?.trim()) {
    case 'canceled':
    case 'failed':
      return 'aborted';
    case 'canceling':
      return 'canceling';
    default:
      return 'running';
  }
}

/** Whether a `Content-Type` is `application/json`, whatever its parameters. */
export function isJsonMediaType(contentType: string | null): boolean {
  return mediaType(contentType) === 'application/json';
}

/**
 * Whether a `Content-Type` is a web page. Pages come from proxies and login forms, never from
 * GitLab's API.
 */
export function isHtmlMediaType(contentType: string | null): boolean {
  const type = mediaType(contentType);
  return type === 'text/html' || type === 'application/xhtml+xml';
}

function mediaType(contentType: string | null): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
