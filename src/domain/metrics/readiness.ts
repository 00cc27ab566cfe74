/** The current state of one thing that a node needs. */
export interface ReadinessCheck {
  readonly name: 'config' | 'temporal' | 'docker' | 'gitlab' | 'disk' | 'process';
  readonly isOk: boolean;
  /** A reason in words, also when the check succeeds. Contains no secret. */
  readonly reason: string;
}

/** The answer at `/readyz`. */
export interface Readiness {
  readonly isReady: boolean;
  readonly checks: readonly ReadinessCheck[];
}

/** Decides whether a node is ready: all checks must succeed. */
export function judgeReadiness(checks: readonly ReadinessCheck[]): Readiness {
  return { isReady: checks.every(({ isOk }) => isOk), checks };
}

/** GitLab's last answer to one runner. */
export interface GitLabAnswer {
  readonly runnerName: string;
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  readonly ageSeconds: number;
}

/**
 * Decides whether GitLab is there and accepts the runners. One accepted runner is enough, because
 * the node then has work to do. Before the first answer the check succeeds.
 */
export function judgeGitLab(answers: readonly GitLabAnswer[]): ReadinessCheck {
  if (answers.length === 0) return { name: 'gitlab', isOk: true, reason: 'not asked yet' };
  const words = answers.map(describeAnswer).join('; ');
  return { name: 'gitlab', isOk: answers.some(({ status }) => isServed(status)), reason: words };
}

/** Whether GitLab accepts a runner to which it gives this answer. */
export function isServed(status: number | undefined): boolean {
  return status === 201 || status === 204;
}

function describeAnswer({ runnerName, status, ageSeconds }: GitLabAnswer): string {
  return `${runnerName}: ${wordsOfAnswer(status)}, ${Math.max(0, Math.round(ageSeconds))} s ago`;
}

/** Describes GitLab's answer to a request for a job, with advice when it is not good. */
export function wordsOfAnswer(status: number | undefined): string {
  if (status === undefined) return 'nobody answered';
  if (status === 201) return '201, a job';
  if (status === 204) return '204, no job';
  if (status === 403) return '403, the token is refused: register the runner anew';
  if (status === 429) return '429, asked too often';
  return status >= 500 ? `${status}, GitLab is not well` : `${status}`;
}
