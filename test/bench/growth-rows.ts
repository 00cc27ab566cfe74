import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { CLI } from '../support/command.ts';
import type { Installation } from '../support/installation.ts';
import { whenReady } from '../support/runner-process.ts';
import { startSecondNode } from '../support/second-node.ts';
import type { Figure, Unit } from './figure.ts';
import { runTrivialJobs, TRIVIAL } from './job-rows.ts';
import { timeOf } from './limits.ts';
import type { BenchOptions } from './options.ts';
import { busyPercent, cpuSeconds, residentMegabytes } from './process-use.ts';
import { durationMs, openSubject, type Subject } from './subject.ts';

// These rows measure what a node costs while one thing grows: its runners, the jobs that wait in
// GitLab, the ended builds that Temporal keeps, and the number of nodes.

const execute = promisify(execFile);
const SETTLE_MS = 5_000;
const AT_ONCE = 4;
/** A real GitLab holds a job request open for so long. */
const GITLAB_HOLDS_MS = 50_000;
const BYTES_A_MEGABYTE = 1_000_000;

function figure(name: string, title: string, unit: Unit, values: readonly number[]): Figure {
  return { name, title, unit, values };
}

/** Measures an idle node with more and more runners, which share four places for jobs. */
export async function measureRunners(options: BenchOptions): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const runners of new Set([1, 100, options.largest.runners])) {
    const config = { runners, concurrent: AT_ONCE, longPollMs: GITLAB_HOLDS_MS };
    const subject = await openSubject(options, config);
    try {
      await delay(SETTLE_MS);
      const percent = await busyPercent(options.idleSeconds, () => subject.cpuSeconds());
      const memory = await residentMegabytes(subject.pid);
      figures.push(
        figure(`runners-${runners}-cpu`, `idle, ${runners} runners`, '% of a core', [percent]),
        figure(`runners-${runners}-memory`, 'memory of the runner', 'MB', [memory]),
      );
    } finally {
      await subject.close();
    }
  }
  return figures;
}

/** Measures jobs of which more and more wait in GitLab. */
export async function measureQueue(options: BenchOptions): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const queued of [10, options.largest.queued]) {
    const subject = await openSubject(options, { concurrent: AT_ONCE });
    try {
      await subject.runJob(TRIVIAL);
      const before = await subject.cpuSeconds();
      const spentMs = await timeOf(() => runTrivialJobs(subject, queued));
      const cpu = (await subject.cpuSeconds()) - before;
      const memory = await residentMegabytes(subject.pid);
      const name = `queue-${queued}`;
      figures.push(
        figure(name, `each of ${queued} queued jobs, ${AT_ONCE} at once`, 'ms', [spentMs / queued]),
        figure(`${name}-cpu`, 'its CPU', 's CPU', [cpu / queued]),
        figure(`${name}-memory`, 'memory of the runner after them', 'MB', [memory]),
      );
    } finally {
      await subject.close();
    }
  }
  return figures;
}

/** Measures jobs and the `jobs` command while Temporal keeps more and more ended builds. */
export async function measureEnded(options: BenchOptions): Promise<readonly Figure[]> {
  if (options.runnerCommand !== undefined) return [];
  const subject = await openSubject(options);
  try {
    const figures: Figure[] = [];
    let existing = 0;
    for (const ended of [10, options.largest.ended]) {
      await endBuilds(subject.installation, { from: existing, to: ended });
      existing = ended;
      figures.push(...(await measureBeside(subject, ended, options)));
    }
    return figures;
  } finally {
    await subject.close();
  }
}

async function measureBeside(
  subject: Subject,
  ended: number,
  options: BenchOptions,
): Promise<readonly Figure[]> {
  const { configPath, stateDir } = subject.installation;
  await subject.runJob(TRIVIAL);
  const [jobs, cpu, lists]: [number[], number[], number[]] = [[], [], []];
  for (let run = 0; run < options.runs; run += 1) {
    const before = await subject.cpuSeconds();
    jobs.push(durationMs(await subject.runJob(TRIVIAL)));
    await subject.installation.whenClean();
    cpu.push((await subject.cpuSeconds()) - before);
    const env = { ...process.env, TEMPORAL_GITLAB_RUNNER_STATE_DIR: stateDir };
    const list = [CLI, 'jobs', '--config', configPath];
    lists.push(await timeOf(() => execute(process.execPath, list, { env })));
  }
  const name = `ended-${ended}`;
  const size = (await sizeOf(join(stateDir, 'temporal'))) / BYTES_A_MEGABYTE;
  return [
    figure(name, `trivial job, ${ended} ended builds`, 'ms', jobs),
    figure(`${name}-cpu`, 'its CPU', 's CPU', cpu),
    figure(`${name}-jobs`, 'the command "jobs"', 'ms', lists),
    figure(`${name}-size`, "Temporal's records on disk", 'MB', [size]),
  ];
}

/** Returns the bytes of all files in a directory and below. */
async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const each = files.map(async (file) => (await stat(join(file.parentPath, file.name))).size);
  return (await Promise.all(each)).reduce((sum, size) => sum + size, 0);
}

const STARTS_AT_ONCE = 20;

/** Starts builds that no worker takes, and ends each at once. */
async function endBuilds(
  installation: Installation,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  const { temporal: address } = await whenReady(installation.runner);
  const connection = await Connection.connect({ address });
  try {
    const { workflow } = new Client({ connection });
    let next = from;
    const endSome = async (): Promise<void> => {
      while (next < to) {
        const workflowId = `ended-build-${(next += 1)}`;
        const handle = await workflow.start('runBuild', { workflowId, taskQueue: 'nobody' });
        await handle.terminate();
      }
    };
    await Promise.all(Array.from({ length: STARTS_AT_ONCE }, endSome));
  } finally {
    await connection.close();
  }
}

const JOBS = 20;

/** Measures twenty jobs and idling with more and more nodes, which share this machine. */
export async function measureNodes(options: BenchOptions): Promise<readonly Figure[]> {
  if (options.runnerCommand !== undefined) return [];
  const subject = await openSubject(options, { longPollMs: GITLAB_HOLDS_MS });
  const others: Awaited<ReturnType<typeof startSecondNode>>[] = [];
  const cpuOfAll = async (): Promise<number> =>
    (await subject.cpuSeconds()) + (await cpuSeconds(others.map(({ runner }) => runner.pid)));
  try {
    const figures: Figure[] = [];
    for (const nodes of [1, 2, 4]) {
      while (others.length + 1 < nodes) {
        others.push(await startSecondNode(subject.installation, {}, `node${others.length + 2}`));
      }
      await runTrivialJobs(subject, nodes);
      await delay(SETTLE_MS);
      const idle = await busyPercent(options.idleSeconds, cpuOfAll);
      const before = await cpuOfAll();
      const spentMs = await timeOf(() => runTrivialJobs(subject, JOBS));
      const cpu = ((await cpuOfAll()) - before) / JOBS;
      figures.push(
        figure(`nodes-${nodes}`, `${JOBS} jobs, ${nodes} nodes, one job each`, 'ms', [spentMs]),
        figure(`nodes-${nodes}-cpu`, 'CPU of each job', 's CPU', [cpu]),
        figure(`nodes-${nodes}-idle`, 'idle: all nodes and Temporal', '% of a core', [idle]),
      );
    }
    return figures;
  } finally {
    for (const node of others) await node.close();
    await subject.close();
  }
}
