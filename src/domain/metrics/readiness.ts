/** One thing that a node needs, as it is now. */
export interface ReadinessCheck {
  readonly name: 'config' | 'temporal' | 'docker' | 'gitlab' | 'disk' | 'process';
  readonly isOk: boolean;
  /** In words, also when it is well. Holds no secret. */
  readonly reason: string;
}

/** What `/readyz` answers. */
export interface Readiness {
  readonly isReady: boolean;
  readonly checks: readonly ReadinessCheck[];
}

/** A node is ready when nothing that it needs is amiss. */
export function judgeReadiness(checks: readonly ReadinessCheck[]): Readiness {
  return { isReady: checks.every(({ isOk }) => isOk), checks };
}

/** What GitLab has last said to one runner. */
export interface GitLabAnswer {
  readonly runnerName: string;
  /** HTTP status; undefined when nobody answered. */
  readonly status: number | undefined;
  readonly ageSeconds: number;
}

/**
 * Whether GitLab is there and takes the runners: of several, one that is served is enough, as the node
 * then has work to do. Before the first answer there is nothing to hold against it.
 */
export function judgeGitLab(answers: readonly GitLabAnswer[]): ReadinessCheck {
  if (answers.length === 0) return { name: 'gitlab', isOk: true, reason: 'not asked yet' };
  const words = answers.map(describeAnswer).join('; ');
  return { name: 'gitlab', isOk: answers.some(({ status }) => isServed(status)), reason: words };
}

/** Whether GitLab takes a runner that it answers so to a request for a job. */
export function isServed(status: number | undefined): boolean {
  return status === 201 || status === 204;
}

function describeAnswer({ runnerName, status, ageSeconds }: GitLabAnswer): string {
  return `${runnerName}: ${wordsOfAnswer(status)}, ${Math.max(0, Math.round(ageSeconds))} s ago`;
}

/** GitLab's answer to a request for a job in words, with what to do where it is not well. */
export function wordsOfAnswer(status: number | undefined): string {
  if (status === undefined) return 'nobody answered';
  if (status === 201) return '201, a job';
  if (status === 204) return '204, no job';
  if (status === 403) return '403, the token is refused: register the runner anew';
  if (status === 429) return '429, asked too often';
  return status >= 500 ? `${status}, GitLab is not well` : `${status}`;
}
