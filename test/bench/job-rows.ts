import type { FakeJob, JobSpec } from '../support/fake-gitlab/index.ts';
import { NO_GIT } from '../support/scenario.ts';
import type { Figure } from './figure.ts';
import { timeOf, timeOfContainer, timeOfGitAndContainer, timeOfPatches } from './limits.ts';
import type { BenchOptions } from './options.ts';
import { largestWhile, residentMegabytes } from './process-use.ts';
import { durationMs, openSubject, type Subject } from './subject.ts';

export const TRIVIAL: JobSpec = { script: ['true'], variables: [NO_GIT] };
const MEGABYTE = 'dd if=/dev/urandom bs=1024 count=1024 2>/dev/null';

/** A job with sources, a cache of 1 MB, an artifact of 1 MB and an after_script. */
export const FILES: JobSpec = {
  script: [`mkdir -p kept && ${MEGABYTE} > kept/cache && ${MEGABYTE} > artifact`],
  afterScript: ['true'],
  payload: {
    cache: [{ key: 'bench', paths: ['kept/'], policy: 'pull-push', when: 'on_success' }],
    artifacts: [{ paths: ['artifact'], artifact_type: 'archive', artifact_format: 'zip' }],
  },
};
const CONTAINER = 'bare Docker: create, start, wait, remove';

interface Measured {
  readonly name: string;
  readonly title: string;
  readonly spec: JobSpec;
  /** Lines of `[runners.docker]`. */
  readonly dockerToml?: string;
  readonly limit: { readonly title: string; timeOf(subject: Subject): Promise<number> };
}

/**
 * Measures one job after another, and the limit after each job, so that both run on the machine in
 * the same state.
 */
async function measureJobs(options: BenchOptions, job: Measured): Promise<readonly Figure[]> {
  const subject = await openSubject(options, { dockerToml: job.dockerToml });
  try {
    const [times, cpu, limits]: number[][] = [[], [], []];
    for (let run = -1; run < options.runs; run += 1) {
      const before = await subject.cpuSeconds();
      const duration = durationMs(await subject.runJob(job.spec));
      // The clean-up after the job is part of its cost and must not slow down the limit.
      await subject.installation.whenClean();
      const used = (await subject.cpuSeconds()) - before;
      const limit = await job.limit.timeOf(subject);
      if (run < 0) continue; // The first run does not count, because images and caches are cold.
      times?.push(duration);
      cpu?.push(used);
      limits?.push(limit);
    }
    const { name, title } = job;
    return [
      {
        ...{ name, title, unit: 'ms', values: times ?? [] },
        limit: { title: job.limit.title, values: limits ?? [] },
      },
      { name: `${name}-cpu`, title: `CPU of ${title}`, unit: 's CPU', values: cpu ?? [] },
    ];
  } finally {
    await subject.close();
  }
}

export function measureTrivial(options: BenchOptions): Promise<readonly Figure[]> {
  const limit = { title: CONTAINER, timeOf: timeOfContainer };
  return measureJobs(options, { name: 'trivial', title: 'trivial job', spec: TRIVIAL, limit });
}

const GIT_LIMIT = {
  title: 'plain git fetch + one bare container',
  timeOf: ({ gitlab }: Subject) => timeOfGitAndContainer(gitlab),
};

export function measureGit(options: BenchOptions): Promise<readonly Figure[]> {
  const spec: JobSpec = { script: ['true'] };
  return measureJobs(options, { name: 'git', title: 'git job', spec, limit: GIT_LIMIT });
}

export function measureFiles(options: BenchOptions): Promise<readonly Figure[]> {
  const title = 'git job with cache, artifact, after_script';
  // `register` writes this line. Without it gitlab-runner keeps no local cache, and so extracts none.
  const dockerToml = '    volumes = ["/cache"]';
  return measureJobs(options, { name: 'files', title, spec: FILES, dockerToml, limit: GIT_LIMIT });
}

/** Adds so many trivial jobs at once. Returns them when all have succeeded. */
export function runTrivialJobs(subject: Subject, count: number): Promise<readonly FakeJob[]> {
  return Promise.all(Array.from({ length: count }, () => subject.runJob(TRIVIAL)));
}

const JOBS = 20;
const AT_ONCE = 4;

/** Measures the time from the first 201 to the last final update. */
export async function measureTwenty(options: BenchOptions): Promise<readonly Figure[]> {
  const subject = await openSubject(options, { concurrent: AT_ONCE });
  try {
    await subject.runJob(TRIVIAL);
    const jobs = await runTrivialJobs(subject, JOBS);
    const begun = Math.min(...jobs.map(({ handedOutAtMs = Infinity }) => handedOutAtMs));
    const ended = Math.max(...jobs.map(({ finishedAtMs = 0 }) => finishedAtMs));
    await subject.installation.whenClean();
    const limit = await timeOf(() => Promise.all(Array.from({ length: AT_ONCE }, runContainers)));
    return [
      {
        ...{ name: 'twenty', title: `${JOBS} jobs, concurrent = ${AT_ONCE}`, unit: 'ms' },
        values: [ended - begun],
        limit: { title: `${JOBS} bare containers, ${AT_ONCE} at once`, values: [limit] },
      },
    ];
  } finally {
    await subject.close();
  }
}

async function runContainers(): Promise<void> {
  for (let left = JOBS / AT_ONCE; left > 0; left -= 1) await timeOfContainer();
}

const LINE = `${'0123456789abcdef'.repeat(6)}\n`;

/**
 * Measures the whole job with a script that prints lines of 97 bytes, and the growth of the
 * runner's memory.
 */
export async function measureLog(options: BenchOptions): Promise<readonly Figure[]> {
  const lines = Math.round((options.logMegabytes * 1e6) / LINE.length);
  const spec = {
    script: [`{ yes ${LINE.trim()} | head -n ${lines} || true; }`],
    variables: [NO_GIT, { key: 'FF_TIMESTAMPS', value: 'true' }],
  };
  const subject = await openSubject(options);
  try {
    await subject.runJob(TRIVIAL);
    await subject.installation.whenClean();
    const before = await residentMegabytes(subject.pid);
    const cpuBefore = await subject.cpuSeconds();
    let duration = 0;
    const largest = await largestWhile(subject.pid, async () => {
      duration = durationMs(await subject.runJob(spec));
    });
    const cpu = (await subject.cpuSeconds()) - cpuBefore;
    const limit = await timeOfPatches(subject.gitlab, Buffer.from(LINE.repeat(lines)));
    return [
      {
        ...{ name: 'log', title: `log of ${options.logMegabytes} MB, whole job`, unit: 'ms' },
        values: [duration],
        limit: { title: 'the same bytes by plain PATCH requests', values: [limit] },
      },
      { name: 'log-cpu', title: 'CPU of that job', unit: 's CPU', values: [cpu] },
      { name: 'log-memory', title: 'memory that it adds', unit: 'MB', values: [largest - before] },
    ];
  } finally {
    await subject.close();
  }
}
