import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FakeJob } from '../fake-gitlab/types.ts';
import { reportTrial } from './fault-report.ts';
import { openInstallation, type Installation, type InstallationOptions } from '../installation.ts';

// These trials have jobs that do not fit the lab, because several jobs run at once or because the
// job ends differently.

/** The first line of a script whose runs are counted. */
export const COUNTED = 'echo run >> "/witness/$CI_JOB_ID.script"';

export interface TrialPlace {
  readonly installation: Installation;
  /** The directory that is mounted into every job as `/witness`. */
  readonly witness: string;
}

export interface OwnPlace extends TrialPlace {
  close(): Promise<void>;
}

/** Opens an installation with a witness directory, and does not start it. */
export async function openOwnPlace(options: InstallationOptions = {}): Promise<OwnPlace> {
  const witness = await mkdtemp(join(tmpdir(), 'tgr-witness-'));
  const installation = await openInstallation({
    ...options,
    dockerToml: `    volumes = ["${witness}:/witness"]\n${options.dockerToml ?? ''}`,
  });
  return {
    ...{ installation, witness },
    close: async () => {
      await installation.close();
      await rm(witness, { recursive: true, force: true });
    },
  };
}

export interface OwnTrial {
  /** The name of the fault in the suite's table. */
  readonly fault: string;
  readonly moment: string;
  /** Other nodes and installations. They must leave nothing either. */
  readonly others?: readonly { leftovers(): Promise<readonly string[]> }[];
}

/** The functions with which a trial reports about itself. */
export interface Observation {
  /** Watches a job. GitLab must receive each byte of these lines of its script. */
  watch(job: FakeJob, lines?: readonly string[]): FakeJob;
  /** Reports that the fault is over. */
  mended(): void;
}

/** Runs a trial and measures its values. Reports them whether the trial passes or fails. */
export async function tryFault(
  { installation, witness }: TrialPlace,
  { fault, moment, others = [] }: OwnTrial,
  story: (observation: Observation) => Promise<void>,
): Promise<void> {
  const watched: (readonly [job: FakeJob, lines: readonly string[]])[] = [];
  let mendedMs: number | undefined;
  let isGood = false;
  try {
    await story({
      watch: (job, lines = []) => {
        watched.push([job, lines]);
        return job;
      },
      mended: () => {
        mendedMs = Date.now();
      },
    });
    assert.ok(
      mendedMs !== undefined && watched.length > 0,
      'a trial without an end, or without a job',
    );
    isGood = true;
  } finally {
    const jobs = watched.map(([job]) => job);
    const runs = await Promise.all(jobs.map((job) => countRuns(job, witness)));
    const left = await Promise.all([installation, ...others].map((place) => place.leftovers()));
    const endedMs = Math.max(0, ...jobs.map(({ finishedAtMs }) => finishedAtMs ?? 0));
    reportTrial({
      ...{ fault, moment, isGood },
      lostBytes: watched.some(([, lines]) => lines.length > 0)
        ? sum(watched.map(([job, lines]) => countMissing(job, lines)))
        : undefined,
      doubleRuns: sum(runs.map((count) => Math.max(0, count - 1))),
      leftovers: new Set(left.flat()).size,
      recoveryMs: Math.max(0, endedMs - (mendedMs ?? endedMs)),
    });
  }
}

/** Counts the bytes of the lines that GitLab has not received. */
function countMissing({ log }: FakeJob, lines: readonly string[]): number {
  const left = log.split('\n');
  const missing = lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return sum(missing.map((line) => Buffer.byteLength(line) + 1));
}

/** Counts how often a script with `COUNTED` has begun. */
export async function countRuns({ id }: FakeJob, witness: string): Promise<number> {
  const text = await readFile(join(witness, `${id}.script`), 'utf8').catch(() => '');
  return text.split('\n').length - 1;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
