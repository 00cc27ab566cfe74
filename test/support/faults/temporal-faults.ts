import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startDevServer, type DevServer } from '../../../src/adapters/temporal/dev-server.ts';
import { openFaultLab, type Fault, type FaultLab, type Scene } from './faults.ts';
import type { FakeJob, JobSpec } from '../fake-gitlab/types.ts';
import type { Installation } from '../installation.ts';
import { recordingLog } from '../recording-log.ts';
import { NO_GIT } from '../scenario.ts';
import { temporalCli } from '../temporal/temporal-cli.ts';

/** A Temporal outside of the runner, which only the test starts again. */
export interface OuterTemporal {
  readonly address: string;
  /** Kills it with SIGKILL and keeps its database. Resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it on the same port with the same database. Resolves when it answers. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function startOuterTemporal(): Promise<OuterTemporal> {
  const stateDir = await mkdtemp(join(tmpdir(), 'tgr-temporal-'));
  const start = (): Promise<DevServer> =>
    startDevServer({ binary: temporalCli(), stateDir, log: recordingLog().log });
  let server = await start();
  return {
    address: server.address,
    kill: async () => {
      const record = await readFile(join(stateDir, 'server.json'), 'utf8');
      process.kill((JSON.parse(record) as { readonly pid: number }).pid, 'SIGKILL');
      await server.stop(); // the server must not restart itself
    },
    start: async () => {
      const { address } = server;
      server = await start();
      assert.equal(server.address, address, 'its port was taken meanwhile');
    },
    close: async () => {
      await server.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** A lab whose runner uses a Temporal of the tests' own; both are closed together. */
export async function openOuterTemporalLab(): Promise<{
  readonly lab: FaultLab;
  readonly temporal: OuterTemporal;
}> {
  const temporal = await startOuterTemporal();
  // Room for a second job, which must be taken when Temporal is back.
  const lab = await openFaultLab({
    ...{ concurrent: 2, runnerToml: '  limit = 2' },
    env: { TEMPORAL_ADDRESS: temporal.address },
  });
  const close = async (): Promise<void> => {
    await lab.close();
    await temporal.close();
  };
  return { temporal, lab: { ...lab, close } };
}

export interface Outage {
  readonly durationMs: number;
  /** Must match the log in GitLab before Temporal is back. */
  readonly saidMeanwhile?: RegExp;
}

/** The longest time after its return until GitLab gets a job request. */
const NEXT_QUESTION_MS = 5_000;
const SECOND: JobSpec = { script: ['echo the second'], variables: [NO_GIT] };
const NOT_ASKED = /"msg":"Temporal does not answer, no job is asked for until it does"/;

/**
 * Temporal is killed and stays away. A second job is offered when the job request under way has
 * ended. It must be taken only when Temporal is back, and then soon.
 */
export function temporalAway(temporal: () => OuterTemporal, outage: Outage): Fault {
  let killed = Promise.resolve();
  let second: FakeJob | undefined;
  return {
    name: `Temporal away for ${outage.durationMs / 1000} s`,
    strike: () => {
      killed = temporal().kill();
    },
    mend: async (scene) => {
      second = undefined;
      try {
        [second] = await Promise.all([
          addWhenNotAsked(scene, outage),
          sitOut(scene, outage),
          killed,
        ]);
        assert.equal(second?.handedOut ?? 0, 0, 'it is taken only while it can be begun');
      } finally {
        await killed;
        await temporal().start(); // the next trial needs it, even if this one has failed
      }
    },
    afterwards: ({ installation }) => assertNextTaken(installation, { waiting: second }),
  };
}

/** Waits for the outage. Meanwhile the job's output must reach GitLab. */
async function sitOut({ job }: Scene, { durationMs, saidMeanwhile }: Outage): Promise<void> {
  const over = delay(durationMs);
  if (saidMeanwhile !== undefined) await job.whenLog(saidMeanwhile, durationMs);
  await over;
}

/**
 * Adds a job when no job request is under way. Adds none when the outage is over before that.
 */
async function addWhenNotAsked(
  { installation }: Scene,
  { durationMs }: Outage,
): Promise<FakeJob | undefined> {
  if (durationMs < 10_000) return undefined;
  const { runner, gitlab } = installation;
  const before = runner.lines.length;
  await runner.whenLog(NOT_ASKED, durationMs / 2, before).catch(() => undefined);
  return gitlab.addJob(SECOND);
}

export interface NextJob {
  /** A job that is in the queue already. */
  readonly waiting?: FakeJob | undefined;
  /** The time within which it must be taken. Default: 5 s. */
  readonly limitMs?: number;
}

/** Fails unless a waiting job is taken soon after the end of a fault, and once. */
export async function assertNextTaken(
  { gitlab }: Installation,
  { waiting, limitMs = NEXT_QUESTION_MS }: NextJob = {},
): Promise<void> {
  const backMs = Date.now();
  const job = waiting ?? gitlab.addJob(SECOND);
  assert.equal(await job.whenFinished(60_000), 'success', job.log);
  assert.equal(job.handedOut, 1);
  const waitedMs = (job.handedOutAtMs ?? Infinity) - backMs;
  assert.ok(waitedMs <= limitMs, `it was taken ${waitedMs} ms after the fault`);
}
