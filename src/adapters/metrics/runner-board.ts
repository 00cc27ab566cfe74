import { summarizeWaits, type WaitSummary } from '../../domain/metrics/percentile.ts';

/** So many of its last jobs a runner's waits are told of. */
const WINDOW = 200;

/** The last answer of GitLab to a runner's request for a job. */
export interface LastContact {
  /** Wall clock, milliseconds. */
  readonly atMs: number;
  /** HTTP status; undefined when nobody answered. */
  readonly status: number | undefined;
}

/** One runner's dealings with GitLab since this process began. */
export interface RunnerRecord {
  readonly requestsUnderWay: number;
  readonly lastContact: LastContact | undefined;
  /** Jobs that GitLab said were waiting when it handed out the last one. */
  readonly jobsWaiting: number | undefined;
}

/** How long the last jobs of a runner have waited. */
export interface RunnerWaits {
  /** In GitLab's queue, as GitLab told. */
  readonly queue: WaitSummary;
  /** From GitLab's answer to the first stage. */
  readonly pickup: WaitSummary;
}

interface MutableRecord {
  requestsUnderWay: number;
  lastContact: LastContact | undefined;
  jobsWaiting: number | undefined;
  readonly queueSeconds: number[];
  readonly pickupSeconds: number[];
}

/** By the key of the entry in config.toml. */
export interface RunnerBoard {
  of(runnerKey: string): MutableRecord;
  read(runnerKey: string): RunnerRecord;
  /** How long its last jobs have waited: sorted for whoever asks, and not at each scrape. */
  readWaits(runnerKey: string): RunnerWaits;
}

export function createRunnerBoard(): RunnerBoard {
  const records = new Map<string, MutableRecord>();
  const of = (runnerKey: string): MutableRecord => {
    const known = records.get(runnerKey);
    if (known !== undefined) return known;
    const made = {
      ...{ requestsUnderWay: 0, lastContact: undefined, jobsWaiting: undefined },
      ...{ queueSeconds: [], pickupSeconds: [] },
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

/** Adds to a window of the last values. */
export function keepLast(values: number[], value: number): void {
  values.push(value);
  if (values.length > WINDOW) values.shift();
}
