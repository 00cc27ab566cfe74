import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CLI } from '../support/command.ts';
import { openInstallation } from '../support/installation.ts';
import type { Figure } from './figure.ts';
import { runTrivialJobs, TRIVIAL } from './job-rows.ts';
import { timeOf } from './limits.ts';
import type { BenchOptions } from './options.ts';
import { busyPercent, residentMegabytes } from './process-use.ts';
import { openSubject, whenAsked } from './subject.ts';
import { startTemporal } from './temporal-server.ts';

const execute = promisify(execFile);

/**
 * Measures the time between the end of a job and the next 201, with a waiting job and without long
 * polling.
 */
export async function measurePickUp(options: BenchOptions): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const checkInterval of [1, 3]) {
    const subject = await openSubject(options, { checkInterval, longPollMs: 0 });
    try {
      const jobs = await runTrivialJobs(subject, options.runs + 1);
      const sorted = jobs.toSorted((a, b) => (a.handedOutAtMs ?? 0) - (b.handedOutAtMs ?? 0));
      const values = sorted
        .slice(1)
        .map(({ handedOutAtMs = 0 }, index) => handedOutAtMs - (sorted[index]?.finishedAtMs ?? 0));
      const title = `pick-up after a job, check_interval ${checkInterval}`;
      figures.push({ name: `pick-up-${checkInterval}`, title, unit: 'ms', values });
    } finally {
      await subject.close();
    }
  }
  return figures;
}

/** Measures an idle node. GitLab holds a job request open for as long as a real one does. */
export async function measureIdle(options: BenchOptions): Promise<readonly Figure[]> {
  const subject = await openSubject(options, { longPollMs: 50_000 });
  try {
    await subject.runJob(TRIVIAL);
    await subject.installation.whenClean();
    await delay(5_000);
    const percent = await busyPercent(options.idleSeconds, () => subject.cpuSeconds());
    const memory = await residentMegabytes(subject.pid);
    return [
      {
        name: 'idle-cpu',
        title: 'idle: with its Temporal',
        unit: '% of a core',
        values: [percent],
      },
      { name: 'idle-memory', title: 'idle: memory of the runner', unit: 'MB', values: [memory] },
    ];
  } finally {
    await subject.close();
  }
}

const STARTS = 5;

/**
 * Measures the time until the first job request. Temporal is already running, and the node has been
 * started before.
 */
export async function measureStart(options: BenchOptions): Promise<readonly Figure[]> {
  if (options.runnerCommand !== undefined) return [];
  const temporal = await startTemporal();
  const installation = await openInstallation({
    env: { TEMPORAL_ADDRESS: temporal.address },
    gitlab: { longPollMs: 500 },
  });
  try {
    const [values, limits]: [number[], number[]] = [[], []];
    for (let run = -1; run < STARTS; run += 1) {
      const time = await timeOf(async () => {
        const asked = whenAsked(installation.gitlab);
        await installation.start();
        await asked;
      });
      await installation.runner.end('SIGTERM');
      if (run < 0) continue;
      values.push(time);
      limits.push(await timeOf(() => execute(process.execPath, ['-e', '0'])));
    }
    const limit = { title: 'node -e 0', values: limits };
    const title = 'start until it polls, Temporal running';
    return [{ name: 'start', title, unit: 'ms', values, limit }];
  } finally {
    await installation.close();
    await temporal.close();
  }
}

export async function measureVersion(options: BenchOptions): Promise<readonly Figure[]> {
  if (options.runnerCommand !== undefined) return [];
  const [values, limits]: [number[], number[]] = [[], []];
  for (let run = 0; run < options.runs; run += 1) {
    values.push(await timeOf(() => execute(process.execPath, [CLI, '--version'])));
    limits.push(await timeOf(() => execute(process.execPath, ['-e', '0'])));
  }
  const limit = { title: 'node -e 0', values: limits };
  return [{ name: 'version', title: 'cli --version', unit: 'ms', values, limit }];
}
