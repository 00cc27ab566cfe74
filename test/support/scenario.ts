import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { contentOf } from './artifact-content.ts';
import type { FakeJob, FakeJobState, FakeVariable, JobSpec } from './fake-gitlab/types.ts';
import type { Installation } from './installation.ts';
import { whenForgotten } from './leftovers.ts';
import { reportScenario } from './scenario-report.ts';
import { findPlace, type PlaceOptions } from './shared-node.ts';

export { JOB_IMAGE } from './installation.ts';

/** A behaviour that a user can see: a job from GitLab with its expected result. */
export interface Scenario {
  /** The behaviour as a sentence. */
  readonly title: string;
  /** Lines of `[runners.docker]`. Scenarios with the same text share a runner. */
  readonly docker?: string;
  /** The job. A function makes a job that needs the installation, for example for a new commit. */
  readonly job: JobSpec | ((installation: Installation) => Promise<JobSpec>);
  /** This function is called while the job runs. */
  readonly meanwhile?: (job: FakeJob, installation: Installation) => Promise<void>;
  readonly expected: Expectation;
  /** The job that runs on the same runner after the first one has ended. */
  readonly next?: { readonly job: JobSpec; readonly expected: Expectation };
}

export interface Expectation {
  readonly state: FakeJobState;
  readonly failureReason?: string;
  readonly exitCode?: number;
  /**
   * Expected in the log in this order; there may be other text between. A string matches anywhere
   * in a line.
   */
  readonly log?: readonly (string | RegExp)[];
  /** These texts must not be in the trace. */
  readonly never?: readonly string[];
  /** All uploads in their order. */
  readonly artifacts?: readonly ExpectedArtifact[];
}

export interface ExpectedArtifact {
  readonly filename: string;
  /** `artifact_type` and `artifact_format` of the upload. The default is `archive zip`. */
  readonly as?: string;
  readonly expireIn?: string;
  /**
   * The files in the archive, as texts by path. The text of a directory `dir/` is empty, and that
   * of a link is `-> target`. For gzip and raw it is the unpacked text.
   */
  readonly holds: Readonly<Record<string, string>> | string;
}

/** Most jobs need no sources. Without sources a test takes half the time. */
export const NO_GIT: FakeVariable = { key: 'GIT_STRATEGY', value: 'none' };

/**
 * Runs scenarios in one installation, a few at the same time, and checks that nothing is left.
 * Within `shareNode` the installation is that of all groups, where that is possible.
 */
export function describeScenarios(
  title: string,
  options: PlaceOptions,
  scenarios: readonly Scenario[],
): void {
  const configs = [...new Set(scenarios.map(({ docker }) => docker ?? ''))];
  const place = findPlace({ concurrent: 3, ...options }, configs);
  describe(title, { concurrency: 3 }, () => {
    let installation: Installation;
    before(async () => {
      installation = await place.open();
    });
    after(() => place.close());
    for (const scenario of scenarios) {
      it(scenario.title, () => {
        const config = configs.indexOf(scenario.docker ?? '');
        return playAndReport(title, scenario, {
          installation,
          add: (job) => place.addJob(job, config),
        });
      });
    }
  });
}

interface Stage {
  readonly installation: Installation;
  /** Adds a job for the runner with the scenario's configuration. */
  add(job: JobSpec): FakeJob;
}

async function playAndReport(group: string, scenario: Scenario, stage: Stage): Promise<void> {
  let isGood = false;
  let job: JobSpec | undefined;
  try {
    job =
      typeof scenario.job === 'function' ? await scenario.job(stage.installation) : scenario.job;
    await play({ ...scenario, job }, stage);
    isGood = true;
  } finally {
    reportScenario(group, { scenario, job, isGood });
  }
}

async function play(
  scenario: Scenario & { readonly job: JobSpec },
  { installation, add }: Stage,
): Promise<void> {
  const job = add(scenario.job);
  await scenario.meanwhile?.(job, installation);
  await job.whenFinished(240_000);
  assertJob(job, scenario.expected);
  if (scenario.expected.artifacts !== undefined) {
    await assertArtifacts(job, scenario.expected.artifacts);
  }
  if (scenario.next === undefined) return;
  // The first job keeps its slot until then, and with it the volumes of the slot.
  await whenForgotten(installation, job.id);
  const next = add(scenario.next.job);
  await next.whenFinished(240_000);
  assertJob(next, scenario.next.expected);
}

/** Fails with the whole log when the job has not uploaded the expected artifacts. */
export async function assertArtifacts(
  job: FakeJob,
  expected: readonly ExpectedArtifact[],
): Promise<void> {
  const actual = await Promise.all(
    job.artifacts.map(async (artifact) => ({
      filename: artifact.filename,
      as: `${artifact.type} ${artifact.format}`,
      expireIn: artifact.expireIn,
      holds: await contentOf(artifact),
    })),
  );
  const whole = expected.map((one) => ({ as: 'archive zip', expireIn: undefined, ...one }));
  assert.deepEqual(actual, whole, `job ${job.id} uploaded something else; its log:\n${job.log}`);
}

/** Fails when the job is not taken within this time, or does not succeed. */
export async function assertTaken(job: FakeJob, withinMs: number): Promise<void> {
  await job.whenState(['running', 'success'], withinMs);
  await job.whenFinished();
  assertJob(job, { state: 'success' });
}

/** Fails with the whole log when the job did not end as expected. */
export function assertJob(job: FakeJob, expected: Expectation): void {
  const actual = {
    state: job.state,
    failureReason: job.failureReason,
    exitCode: job.exitCode,
  };
  assert.deepEqual(
    actual,
    {
      state: expected.state,
      failureReason: expected.failureReason,
      exitCode: expected.exitCode,
    },
    `job ${job.id} ended otherwise; its log:\n${job.log}`,
  );
  assertLog(job.log, expected.log ?? []);
  for (const secret of expected.never ?? []) {
    assert.equal(job.trace.includes(secret), false, `the trace shows ${secret}:\n${job.log}`);
  }
}

function assertLog(log: string, patterns: readonly (string | RegExp)[]): void {
  let rest = log;
  for (const pattern of patterns) {
    const end = endOfMatch(rest, pattern);
    assert.notEqual(end, undefined, `not in the log, or not in this order: ${pattern}\n${log}`);
    rest = rest.slice(end);
  }
}

function endOfMatch(text: string, pattern: string | RegExp): number | undefined {
  if (typeof pattern === 'string') {
    const at = text.indexOf(pattern);
    return at === -1 ? undefined : at + pattern.length;
  }
  const match = pattern.exec(text);
  return match === null ? undefined : match.index + match[0].length;
}
