import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { contentOf } from '../artifact-content.ts';
import { followContainers, type ContainerEvents } from '../docker/container-events.ts';
import type { FakeJob, JobSpec } from '../fake-gitlab/types.ts';
import {
  HELPER_MOMENTS,
  isJobs,
  LAST_MOMENTS,
  whenMoment,
  type Moment,
  type Scene,
} from './fault-moments.ts';
import { reportTrial } from './fault-report.ts';
import { assertWhole, countLostBytes, timeless, type Whole } from './fault-trace.ts';
import { openInstallation, type Installation, type InstallationOptions } from '../installation.ts';
import { assertJob, NO_GIT, type Expectation } from '../scenario.ts';

export {
  EARLY_MOMENTS,
  HELPER_MOMENTS,
  LAST_MOMENTS,
  MOMENTS,
  isUpdate,
  type Moment,
  type Scene,
} from './fault-moments.ts';

export interface Fault {
  /** The name of the fault in the suite's table. */
  readonly name: string;
  /**
   * Whether the fault lasts until the job has ended. The recovery is then measured from the start
   * of the fault.
   */
  readonly isForGood?: boolean;
  /**
   * Breaks something, in the same turn of the event loop in which the event of the moment arrives.
   */
  strike(scene: Scene): void;
  /** Ends the fault, or waits for its end. */
  mend?(scene: Scene): Promise<void>;
  /** Checks what else must work after the fault has ended. */
  afterwards?(scene: Scene): Promise<void>;
  /** Fails when the fault had no effect. */
  confirm?(scene: Scene): void;
}

export interface Trial {
  readonly moment: Moment;
  readonly fault: Fault;
  /** The expected result. The default is success, with the same trace as without a fault. */
  readonly expected?: Expectation;
  /**
   * How often script and after_script run; several values where the moment allows them. The default
   * is once each.
   */
  readonly runs?: Runs | readonly Runs[];
  /** Whether the number of started containers may differ from the number without a fault. */
  readonly hasOtherStarts?: boolean;
  /** Whether the script continues while the fault lasts. */
  readonly goesOn?: boolean;
  /** Whether the script waits until the fault ends it. */
  readonly isHeld?: boolean;
  /** Whether another node continues the job. */
  readonly changesNodes?: boolean;
  /** Whether GitLab never learns the result, because it no longer knows the job. */
  readonly isUnreported?: boolean;
  /** How often GitLab hands the job out. The default is once. */
  readonly handedOut?: number;
  /** The number of patches that may be repeated in addition to the few that are always allowed. */
  readonly resends?: number;
  /** A pattern for violations that are allowed in this trial. */
  readonly forgiven?: RegExp;
  readonly script?: readonly string[];
  /** The default is the image of the lab. */
  readonly image?: string;
  readonly payload?: JobSpec['payload'];
  readonly limitMs?: number;
}

export interface Runs {
  readonly script: number;
  readonly afterScript: number;
}

/** An installation in which things are broken, in one job after another. */
export interface FaultLab {
  readonly installation: Installation;
  /** A directory that is mounted into every job. */
  readonly witness: string;
  /** Runs a job with a fault and checks everything that must hold after every fault. */
  run(trial: Trial): Promise<void>;
  close(): Promise<void>;
}

const SECRET = 'pa55word.half.said';
/**
 * One command prints both halves, so that nothing comes between the halves of the secret or between
 * those of the character.
 */
const HALVES: readonly string[] = [
  `printf 'the key is ${SECRET.slice(0, 8)}'`,
  'touch "/witness/$CI_JOB_ID.here"',
  'until [ -e "/witness/$CI_JOB_ID.go" ]; do sleep 0.1; done',
  `printf '${SECRET.slice(8)}, it costs 5 \\342'`,
  'sleep 0.2',
  `printf '\\202\\254 \\377 to know\\n'`,
];
const SCRIPT: readonly string[] = [
  'echo run >> "/witness/$CI_JOB_ID.script"',
  'for i in 1 2 3 4 5; do echo "line $i"; done',
  HALVES.join('; '),
  'for i in 6 7 8 9; do echo "line $i"; sleep 0.1; done',
  'touch "/witness/$CI_JOB_ID.said"',
  'seq 100000 > made.txt',
];
const AFTER_SCRIPT: readonly string[] = [
  'echo run >> "/witness/$CI_JOB_ID.after"',
  'echo "after with $CI_JOB_STATUS"',
];

/**
 * Opens a lab. Its node and its runner have one slot each, so a slot that is not released stops the
 * next trial.
 */
export async function openFaultLab(options: InstallationOptions = {}): Promise<FaultLab> {
  const witness = await mkdtemp(join(tmpdir(), 'tgr-witness-'));
  const installation = await openInstallation({
    ...{ concurrent: 1, runnerToml: '  limit = 1', ...options },
    dockerToml: `    volumes = ["${witness}:/witness"]\n${options.dockerToml ?? ''}`,
    gitlab: { traceUpdateIntervalSeconds: 1, ...options.gitlab },
  });
  const containers = await followContainers(options.daemon?.host);
  await installation.start();
  const deaths = new Map<number, number[]>();
  containers.listen(({ jobId, name, action, atMs }) => {
    if (action === 'die' && isJobs(name)) deaths.set(jobId, [...(deaths.get(jobId) ?? []), atMs]);
  });
  const lab = { installation, containers, witness, deaths };
  const wholes = new Map<string, Whole>();
  return {
    ...{ installation, witness },
    run: async (trial) => {
      const spec = specFor(trial);
      const key = JSON.stringify(spec);
      if (trial.expected === undefined && !wholes.has(key))
        wholes.set(key, await runWhole(spec, lab));
      const whole = trial.expected === undefined ? wholes.get(key) : undefined;
      await runTrial(trial, { ...lab, spec, whole });
    },
    close: async () => {
      containers.close();
      await installation.close();
      await rm(witness, { recursive: true, force: true });
    },
  };
}

interface Lab {
  readonly installation: Installation;
  readonly containers: ContainerEvents;
  readonly witness: string;
  /** When the job's own container died, by the id of the job. */
  readonly deaths: ReadonlyMap<number, readonly number[]>;
}

/**
 * Counts the starts of containers for a stage. A start of the job's container that ended before its
 * script began was an early one that came to nothing.
 */
async function countStageStarts(
  { id }: FakeJob,
  { containers, witness, deaths }: Omit<Lab, 'installation'>,
): Promise<number> {
  const begun = await stat(join(witness, `${id}.script`)).catch(() => undefined);
  const begunMs = begun?.mtimeMs ?? Infinity;
  const wasted = (deaths.get(id) ?? []).filter((diedMs) => diedMs < begunMs);
  return containers.countStarts(id) - wasted.length;
}

function specFor(trial: Trial): JobSpec {
  const { script = SCRIPT, image, changesNodes = false, payload } = trial;
  const secret = { key: 'KEY', value: SECRET, masked: true };
  // The traces have no times, because they are compared byte by byte.
  const variables = [secret, { key: 'FF_TIMESTAMPS', value: 'false' }];
  const made = { paths: ['made.txt'], artifact_type: 'archive', artifact_format: 'zip' };
  return {
    script,
    ...(image !== undefined && { image }),
    afterScript: AFTER_SCRIPT,
    payload: { artifacts: [made], ...payload },
    ...(changesNodes && { changesNodes }),
    variables: hasSources(trial) ? variables : [...variables, NO_GIT],
  };
}

/**
 * Whether the job fetches sources. Where the node must be lost before the script, they keep the
 * script from beginning before the test has seen the moment.
 */
function hasSources({ moment, changesNodes = false }: Trial): boolean {
  if (moment === 'prepare') return changesNodes;
  return ['get_sources', ...HELPER_MOMENTS, ...LAST_MOMENTS].includes(moment);
}

async function runWhole(spec: JobSpec, lab: Lab): Promise<Whole> {
  const { installation, witness } = lab;
  const job = installation.gitlab.addJob(spec);
  letGo(job, witness);
  await job.whenFinished();
  const log = ['line 5', 'the key is [MASKED], it costs 5 €', 'line 9', 'after with success'];
  assertJob(job, { state: 'success', log });
  await installation.whenClean();
  return { trace: timeless(job), starts: await countStageStarts(job, lab) };
}

function letGo({ id }: FakeJob, witness: string): void {
  writeFileSync(join(witness, `${id}.go`), '');
}

interface TrialScope extends Lab {
  readonly spec: JobSpec;
  /** The result of the job without a fault, for a trial that should have the same result. */
  readonly whole: Whole | undefined;
}

async function runTrial(trial: Trial, scope: TrialScope): Promise<void> {
  const { installation, witness, whole, spec } = scope;
  const job = installation.gitlab.addJob(spec);
  const times = { mendedMs: Date.now(), endedMs: Date.now() };
  const violationsBefore = installation.gitlab.violations.length;
  let isGood = false;
  try {
    await breakAndCheck(trial, { ...scope, job, times, violationsBefore });
    isGood = true;
  } finally {
    const { script, afterScript } = await countRuns(job, witness);
    reportTrial({
      ...{ fault: trial.fault.name, moment: trial.moment, isGood },
      // A job that still runs, because a check failed before its end, has not lost anything yet.
      lostBytes:
        whole === undefined || job.finishedAtMs === undefined
          ? undefined
          : countLostBytes(job, whole),
      doubleRuns: Math.max(0, script - 1) + Math.max(0, afterScript - 1),
      leftovers: (await installation.leftovers()).length,
      recoveryMs: Math.max(0, times.endedMs - times.mendedMs),
    });
  }
}

interface RunningTrial extends TrialScope {
  readonly job: FakeJob;
  readonly times: { mendedMs: number; endedMs: number };
  /** The number of violations in earlier trials. Those trials have failed because of them. */
  readonly violationsBefore: number;
}

async function breakAndCheck(trial: Trial, scope: RunningTrial): Promise<void> {
  const { installation, witness, containers, job, times } = scope;
  const { moment, fault } = trial;
  const scene = { installation, containers, job };
  if (moment !== 'script') letGo(job, witness);
  await whenMoment(moment, { ...scene, witness, strike: () => fault.strike(scene) });
  if (trial.goesOn === true) letGo(job, witness);
  const struckMs = Date.now();
  await fault.mend?.(scene);
  times.mendedMs = fault.isForGood === true ? struckMs : Date.now();
  if (trial.isHeld !== true) letGo(job, witness);
  await fault.afterwards?.(scene);
  if (trial.isUnreported !== true) await job.whenFinished(trial.limitMs ?? 120_000);
  times.endedMs = job.finishedAtMs ?? Date.now();
  assertJob(job, trial.expected ?? { state: 'success' });
  await installation.whenClean(60_000);
  fault.confirm?.(scene);
  await assertUnharmed(job, { ...scope, trial });
}

interface EndedTrial extends RunningTrial {
  readonly trial: Trial;
}

/** Checks everything that must hold after every fault. */
async function assertUnharmed(
  job: FakeJob,
  { trial, whole, violationsBefore, ...lab }: EndedTrial,
): Promise<void> {
  const { installation, witness } = lab;
  if (whole !== undefined) assertWhole(job, whole);
  if (whole !== undefined) await assertArtifact(job);
  const runs = await countRuns(job, witness);
  const expected = [trial.runs ?? { script: 1, afterScript: 1 }].flat();
  if (!expected.some((one) => isDeepStrictEqual(one, runs))) {
    assert.deepEqual(runs, expected[0], 'script or after_script ran another number of times');
  }
  assert.equal(job.handedOut, trial.handedOut ?? 1);
  if (whole !== undefined && trial.hasOtherStarts !== true) {
    const starts = await countStageStarts(job, lab);
    assert.equal(starts, whole.starts, 'no stage is started twice');
  }
  const violations = installation.gitlab.violations.slice(violationsBefore);
  const [resends, others] = [true, false].map((isResend) =>
    violations.filter((text) => text.includes(' once more, ') === isResend),
  );
  assert.deepEqual(
    others?.filter((text) => trial.forgiven?.test(text) !== true),
    [],
  );
  assert.ok((resends?.length ?? 0) <= (trial.resends ?? 0), resends?.join('\n'));
}

/** Fails when GitLab does not have the complete artifact of the job. */
async function assertArtifact({ artifacts }: FakeJob): Promise<void> {
  const [artifact, ...others] = artifacts;
  assert.ok(artifact !== undefined, 'nothing was uploaded');
  // An upload whose answer was lost is repeated. GitLab keeps the same file only once.
  assert.deepEqual(
    others.filter(({ sha256 }) => sha256 !== artifact.sha256),
    [],
  );
  const made = Array.from({ length: 100_000 }, (_, index) => `${index + 1}\n`).join('');
  assert.deepEqual(await contentOf(artifact), { 'made.txt': made });
}

async function countRuns({ id }: FakeJob, witness: string): Promise<Runs> {
  const count = async (name: string): Promise<number> => {
    const text = await readFile(join(witness, `${id}.${name}`), 'utf8').catch(() => '');
    return text.split('\n').length - 1;
  };
  return { script: await count('script'), afterScript: await count('after') };
}
