import { summarizeWaits, type WaitSummary } from '../../domain/metrics/percentile.ts';

/** The waits of a runner are summed up over this many of its last jobs. */
const WINDOW = 200;

/** How the last try of a runner's request for a job has ended. */
export interface LastContact {
  /** Wall clock, milliseconds. */
  readonly atMs: number;
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
}

/** GitLab's queue of jobs. A number is undefined when GitLab has not told it. */
export interface GitLabQueue {
  /** Number of jobs that were waiting. */
  readonly size: number | undefined;
  /** Number of jobs that were looked at. */
  readonly depth: number | undefined;
}

/** What one runner and GitLab have done since this process began. */
export interface RunnerRecord {
  readonly requestsUnderWay: number;
  readonly lastContact: LastContact | undefined;
  /** When GitLab has last answered such a request. Wall clock, milliseconds. */
  readonly lastAnswerMs: number | undefined;
  /** What GitLab said of its queue when it handed out the last job; undefined before the first. */
  readonly queue: GitLabQueue | undefined;
}

/** How long the last jobs of a runner have waited. */
export interface RunnerWaits {
  /** The wait in GitLab's queue, as GitLab has told it. */
  readonly queue: WaitSummary;
  /** The wait from GitLab's answer to the first stage. */
  readonly pickup: WaitSummary;
}

interface MutableRecord {
  requestsUnderWay: number;
  lastContact: LastContact | undefined;
  lastAnswerMs: number | undefined;
  queue: GitLabQueue | undefined;
  readonly queueSeconds: number[];
  readonly pickupSeconds: number[];
}

/** The records of the runners, by the key of their entry in config.toml. */
export interface RunnerBoard {
  of(runnerKey: string): MutableRecord;
  read(runnerKey: string): RunnerRecord;
  /**
   * Sums up how long the last jobs have waited. This sorts them, so it is not called at each
   * scrape.
   */
  readWaits(runnerKey: string): RunnerWaits;
}

export function createRunnerBoard(): RunnerBoard {
  const records = new Map<string, MutableRecord>();
  const of = (runnerKey: string): MutableRecord => {
    const known = records.get(runnerKey);
    if (known !== undefined) return known;
    const made = {
      requestsUnderWay: 0,
      lastContact: undefined,
      lastAnswerMs: undefined,
      queue: undefined,
      queueSeconds: [],
      pickupSeconds: [],
    };
    records.set(runnerKey, made);
    return made;
  };
  return {
    of,
    read: of,
    readWaits: (runnerKey) => {
      const { queueSeconds, pickupSeconds } = of(runnerKey);
      return { queue: summarizeWaits(queueSeconds), pickup: summarizeWaits(pickupSeconds) };
    },
  };
}

/** Adds a value to a window of the last ones. */
export function keepLast(values: number[], value: number): void {
  values.push(value);
  if (values.length > WINDOW) values.shift();
}
