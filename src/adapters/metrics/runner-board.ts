import { summarizeWaits, type WaitSummary } from '../../domain/metrics/percentile.ts';

/** The waits of a runner are summed up over this many of its last jobs. */
const WINDOW = 200;

/** The last answer of GitLab to a runner's request for a job. */
export interface LastContact {
  /** Wall clock, milliseconds. */
  readonly atMs: number;
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
}

/** What one runner and GitLab have done since this process began. */
export interface RunnerRecord {
  readonly requestsUnderWay: number;
  readonly lastContact: LastContact | undefined;
  /** Number of jobs that GitLab said were waiting when it handed out the last one. */
  readonly jobsWaiting: number | undefined;
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
  jobsWaiting: number | undefined;
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
      jobsWaiting: undefined,
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
