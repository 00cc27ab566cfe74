import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { JOB_IMAGE } from '../support/installation.ts';
import { whenReady } from '../support/runner-process.ts';
import { NO_GIT } from '../support/scenario.ts';
import type { JobSpec } from '../support/fake-gitlab/index.ts';
import type { Figure } from './figure.ts';
import { FILES, TRIVIAL } from './job-rows.ts';
import type { BenchOptions } from './options.ts';
import { residentMegabytes } from './process-use.ts';
import { openSubject, type Subject } from './subject.ts';

// These rows measure lasting costs of builds: the history that Temporal keeps of each, and memory.

const SHORT_SECONDS = 5;

/** Prints one line of log each second. */
function lines(seconds: number): string {
  return `for second in $(seq ${seconds}); do echo "second $second"; sleep 1; done`;
}

/** Returns a build with sources, a service, a cache, an artifact and after_script. */
function fullBuild(seconds: number): JobSpec {
  const service = { name: JOB_IMAGE, alias: 'db', command: ['sleep', '600'] };
  return {
    ...FILES,
    script: [lines(seconds), ...(FILES.script ?? [])],
    payload: { ...FILES.payload, services: [service] },
  };
}

/** Measures the histories of builds. Another runner has no histories. */
export async function measureFullHistory(options: BenchOptions): Promise<readonly Figure[]> {
  if (options.runnerCommand !== undefined) return [];
  const subject = await openSubject(options);
  try {
    const { temporal: address } = await whenReady(subject.installation.runner);
    const connection = await Connection.connect({ address });
    try {
      const client = new Client({ connection });
      const sizeOf = async (spec: JobSpec): Promise<HistorySize> => {
        const { id } = await subject.runJob(spec);
        await subject.installation.whenClean();
        return readSize(client, id);
      };
      const files = await sizeOf(FILES);
      const full = await sizeOf(fullBuild(SHORT_SECONDS));
      const [short, long] = [SHORT_SECONDS, SHORT_SECONDS + options.idleSeconds];
      const before = await sizeOf({ script: [lines(short)], variables: [NO_GIT] });
      const after = await sizeOf({ script: [lines(long)], variables: [NO_GIT] });
      const title = `what ${long - short} s more of log add to a history`;
      const added = after.events - before.events;
      return [
        ...figuresOf('history', 'a build with cache and artifact', files),
        ...figuresOf('full-history', 'one with a service too', full),
        { name: 'log-history', title, unit: 'events', values: [added] },
      ];
    } finally {
      await connection.close();
    }
  } finally {
    await subject.close();
  }
}

interface HistorySize {
  readonly events: number;
  readonly kilobytes: number;
}

function figuresOf(name: string, what: string, { events, kilobytes }: HistorySize): Figure[] {
  return [
    { name: `${name}-events`, title: `history of ${what}`, unit: 'events', values: [events] },
    { name: `${name}-size`, title: 'its size', unit: 'KB', values: [kilobytes] },
  ];
}

const INDEXED_MS = 10_000;
const LOOK_MS = 100;

/**
 * Returns the size of a build's history. It lists workflows with the plain call, because the
 * client's own list would decode memos, for which it has no key here.
 */
async function readSize(client: Client, jobId: number): Promise<HistorySize> {
  const query = 'WorkflowType="runBuild"';
  for (let leftMs = INDEXED_MS; leftMs > 0; leftMs -= LOOK_MS) {
    const request = { namespace: 'default', query };
    const { executions } = await client.workflowService.listWorkflowExecutions(request);
    const ids = executions.map(({ execution }) => execution?.workflowId ?? '');
    const workflowId = ids.find((id) => id.split(/\D+/).includes(`${jobId}`));
    if (workflowId !== undefined) {
      const history = await client.workflow.getHandle(workflowId).fetchHistory();
      const { length } = proto.temporal.api.history.v1.History.encode(history).finish();
      return { events: history.events?.length ?? 0, kilobytes: length / 1000 };
    }
    await delay(LOOK_MS);
  }
  throw new Error(`Temporal knows no build of job ${jobId}`);
}

const SLEEPERS = 10;
const SETTLE_MS = 5_000;

/**
 * Measures the memory of one build whose script sleeps: the growth of the runner's memory, divided
 * by the number of builds.
 */
export async function measureSleeping(options: BenchOptions): Promise<readonly Figure[]> {
  const subject = await openSubject(options, { concurrent: SLEEPERS });
  try {
    await subject.runJob(TRIVIAL);
    await delay(SETTLE_MS);
    const before = await residentMegabytes(subject.pid);
    await fallAsleep(subject);
    await delay(SETTLE_MS);
    const added = (await residentMegabytes(subject.pid)) - before;
    const title = `memory of each of ${SLEEPERS} sleeping builds`;
    return [{ name: 'sleeping-memory', title, unit: 'MB', values: [added / SLEEPERS] }];
  } finally {
    await subject.close();
  }
}

/** Starts the jobs and waits until they sleep. They end with the subject. */
async function fallAsleep({ gitlab, token }: Subject): Promise<void> {
  const spec = { script: ['echo now asleep', 'sleep 600'], variables: [NO_GIT] };
  const jobs = Array.from({ length: SLEEPERS }, () =>
    gitlab.addJob({ ...spec, runnerToken: token }),
  );
  await Promise.all(jobs.map((job) => job.whenLog(/^now asleep/m)));
}
