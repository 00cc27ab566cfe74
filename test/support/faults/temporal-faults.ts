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

/** A Temporal server outside of the runner. Only the test starts it again. */
export interface OuterTemporal {
  readonly address: string;
  /** Kills the server with SIGKILL and keeps its database. Resolves when it has ended. */
  kill(): Promise<void>;
  /** Starts the server on the same port with the same database. Resolves when it answers. */
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
      await server.stop(); // The server must not restart itself.
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

/** Opens a lab whose runner uses a separate Temporal server. Both are closed together. */
export async function openOuterTemporalLab(): Promise<{
  readonly lab: FaultLab;
  readonly temporal: OuterTemporal;
}> {
  const temporal = await startOuterTemporal();
  // There is a slot for a second job, which must be taken when Temporal is back.
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
  /** The log in GitLab must match this before Temporal is back. */
  readonly saidMeanwhile?: RegExp;
}

/** GitLab must get a job request within this time after Temporal's return. */
const NEXT_REQUEST_MS = 5_000;
const SECOND: JobSpec = { script: ['echo the second'], variables: [NO_GIT] };
const NOT_ASKED = /"msg":"Temporal does not answer, no job is asked for until it does"/;

/**
 * Temporal is killed and stays away. A second job is offered when the current job request has
 * ended. It must be taken only after Temporal's return, and soon after it.
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
        await temporal().start(); // The next trial needs it, even if this one has failed.
      }
    },
    afterwards: ({ installation }) => assertNextTaken(installation, { waiting: second }),
  };
}

/** Waits until the outage is over. The output of the job must reach GitLab during that time. */
async function sitOut({ job }: Scene, { durationMs, saidMeanwhile }: Outage): Promise<void> {
  const over = delay(durationMs);
  if (saidMeanwhile !== undefined) await job.whenLog(saidMeanwhile, durationMs);
  await over;
}

/**
 * Adds a job when the runner has logged that it requests no jobs. Adds none when the outage is too
 * short for that.
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
  /** A job that is already in the queue. */
  readonly waiting?: FakeJob | undefined;
  /** The time within which the job must be taken. The default is 5 s. */
  readonly limitMs?: number;
}

/** Fails unless a waiting job is taken exactly once, and soon after the end of a fault. */
export async function assertNextTaken(
  { gitlab }: Installation,
  { waiting, limitMs = NEXT_REQUEST_MS }: NextJob = {},
): Promise<void> {
  const backMs = Date.now();
  const job = waiting ?? gitlab.addJob(SECOND);
  assert.equal(await job.whenFinished(60_000), 'success', job.log);
  assert.equal(job.handedOut, 1);
  const waitedMs = (job.handedOutAtMs ?? Infinity) - backMs;
  assert.ok(waitedMs <= limitMs, `it was taken ${waitedMs} ms after the fault`);
}
