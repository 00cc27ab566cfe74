import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { FakeGitLab, FakeJob, JobSpec } from '../support/fake-gitlab/index.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import type { BenchOptions } from './options.ts';
import { cpuSeconds, temporalPids } from './process-use.ts';

/** The runner that is measured, this one or another, with its GitLab. */
export interface Subject {
  readonly gitlab: FakeGitLab;
  readonly installation: Installation;
  readonly token: string;
  readonly pid: number;
  /** Returns the CPU time of the runner and of its embedded Temporal, if it has one. */
  cpuSeconds(): Promise<number>;
  runJob(spec: JobSpec): Promise<FakeJob>;
  close(): Promise<void>;
}

export interface SubjectOptions {
  readonly concurrent?: number;
  readonly checkInterval?: number;
  readonly runners?: number;
  /** Lines of `[runners.docker]`. */
  readonly dockerToml?: string | undefined;
  /** How long GitLab holds a job request open. The default is 2 s; a real GitLab takes 50 s. */
  readonly longPollMs?: number;
}

/** `npm run worker` and the service of systemd also set these variables for the program. */
const SPARING = { NODE_OPTIONS: '--max-semi-space-size=4', MALLOC_ARENA_MAX: '2' };

const LARGEST_LOG_KB = 1_000_000;
const JOB_LIMIT_MS = 10 * 60_000;

/** Starts the runner and GitLab. Resolves when the runner has requested its first job. */
export async function openSubject(
  { answerMs, runnerCommand }: BenchOptions,
  options: SubjectOptions = {},
): Promise<Subject> {
  const { concurrent = 1, checkInterval = 1, runners = 1, dockerToml = '' } = options;
  const installation = await openInstallation({
    ...{ concurrent, checkInterval, runners, dockerToml },
    runnerToml: `  output_limit = ${LARGEST_LOG_KB}`,
    ...{ env: SPARING, gitlab: { longPollMs: options.longPollMs ?? 2_000 } },
  });
  const { gitlab, tokens, stateDir } = installation;
  const asked = whenAsked(gitlab);
  const other = runnerCommand && startOther(runnerCommand(installation.configPath));
  const pid = other?.pid ?? (await installation.start()).pid;
  await asked;
  if (answerMs > 0) {
    gitlab.intercept(({ kind }) => (kind === 'git' ? undefined : { hold: delay(answerMs) }));
  }
  const token = tokens[0] ?? '';
  return {
    ...{ gitlab, installation, token, pid },
    cpuSeconds: async () => cpuSeconds([pid, ...(await temporalPids(stateDir))]),
    runJob: (spec) => runJob(gitlab, { runnerToken: token, ...spec }),
    close: async () => {
      await other?.end();
      await installation.close();
    },
  };
}

/** Resolves with the next job request. */
export function whenAsked(gitlab: FakeGitLab): Promise<void> {
  return new Promise((resolve) => {
    const interception = gitlab.intercept(({ kind }) => {
      if (kind !== 'job_request') return undefined;
      interception.remove();
      resolve();
      return undefined;
    });
  });
}

async function runJob(gitlab: FakeGitLab, spec: JobSpec): Promise<FakeJob> {
  const job = gitlab.addJob(spec);
  const state = await job.whenFinished(JOB_LIMIT_MS);
  if (state !== 'success') throw new Error(`a job ended as ${state}:\n${job.log.slice(-2_000)}`);
  return job;
}

/** Returns the time from GitLab's 201 to the final state that GitLab has accepted. */
export function durationMs({ id, handedOutAtMs, finishedAtMs }: FakeJob): number {
  if (handedOutAtMs === undefined || finishedAtMs === undefined) {
    throw new Error(`job ${id} has not ended`);
  }
  return finishedAtMs - handedOutAtMs;
}

function startOther(words: readonly string[]) {
  const [program = '', ...args] = words;
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const exited = once(child, 'exit');
  if (child.pid === undefined) throw new Error(`${program} does not start`);
  return {
    pid: child.pid,
    end: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
