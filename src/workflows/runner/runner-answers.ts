import type { JobRequestOutcome, RequestWait } from '../../activities/contract.ts';
import type { Feeding } from '../../domain/runner/fleet.ts';

/** How a run of job requests ended. */
export interface LastAnswer {
  readonly kind: JobRequestOutcome['kind'] | 'away';
  readonly atMs: number;
  readonly wait?: RequestWait;
  /** When the runs began to end like this. */
  readonly sinceMs: number;
}

const WORDS: Readonly<Record<LastAnswer['kind'], string>> = {
  job: 'a job',
  no_job: 'no job',
  away: 'none: GitLab is away',
  forbidden: 'GitLab refuses the runner',
  unknown_runner: 'the node that was asked has no such runner',
};

const WAITS: Readonly<Record<RequestWait, string>> = {
  docker: 'Docker',
  place: 'a slot for one more build on a node',
  temporal: 'Temporal',
};

export function lastAnswerOf(
  outcome: JobRequestOutcome,
  atMs: number,
  before: LastAnswer | undefined,
): LastAnswer {
  const isAway = outcome.kind === 'no_job' && outcome.isAway === true;
  const kind = isAway ? 'away' : outcome.kind;
  const wait = outcome.kind === 'no_job' ? outcome.wait : undefined;
  const isSame = before?.kind === kind && before.wait === wait;
  return {
    kind,
    atMs,
    ...(wait !== undefined && { wait }),
    sinceMs: isSame ? before.sinceMs : atMs,
  };
}

interface SeenRunner {
  readonly feeding: Feeding;
  readonly isStopping: boolean;
  readonly isHealthy: boolean;
  readonly lastAnswer?: LastAnswer;
}

interface Counts {
  readonly requests: number;
  readonly builds: number;
}

/** Answers the query `status` of a runner. */
export function describeRunner(
  { feeding, isStopping, isHealthy, lastAnswer }: SeenRunner,
  { requests, builds }: Counts,
): Readonly<Record<string, unknown>> {
  const { isFed, intervalMs, limit } = feeding;
  const isFull = limit > 0 && builds + requests >= limit;
  return {
    asks: isFed && !isStopping,
    ...(isStopping && { why: 'it is being removed' }),
    ...(!isFed && !isStopping && { why: 'paused, drained, or refused by GitLab too often' }),
    ...(isFull && requests === 0 && { waitsFor: 'one of its builds to end, by `limit`' }),
    ...(lastAnswer && waitOf(lastAnswer)),
    requestsOpen: requests,
    everySeconds: intervalMs / 1000,
    builds,
    limit,
    isAccepted: isHealthy,
    ...(lastAnswer && {
      lastAnswer: WORDS[lastAnswer.kind],
      at: new Date(lastAnswer.atMs).toISOString(),
    }),
  };
}

function waitOf({ kind, wait, sinceMs }: LastAnswer): object {
  const what = wait === undefined ? (kind === 'away' ? 'GitLab' : undefined) : WAITS[wait];
  return what === undefined ? {} : { waitsFor: what, since: new Date(sinceMs).toISOString() };
}
