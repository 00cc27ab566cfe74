import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { CLI } from '../support/command.ts';
import { openInstallation } from '../support/installation.ts';
import { temporalCli } from '../support/temporal/temporal-cli.ts';
import type { Figure } from './figure.ts';
import { FILES, TRIVIAL } from './job-rows.ts';
import { timeOf } from './limits.ts';
import type { BenchOptions } from './options.ts';
import { residentMegabytes } from './process-use.ts';
import { openSubject, whenAsked } from './subject.ts';

const execute = promisify(execFile);

/** Between the end of a job and the next 201, with a job that waits and no long polling. */
export async function measurePickUp(options: BenchOptions): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  for (const checkInterval of [1, 3]) {
    const subject = await openSubject(options, { checkInterval, isWithoutLongPoll: true });
    try {
      const jobs = await Promise.all(
        Array.from({ length: options.runs + 1 }, () => subject.runJob(TRIVIAL)),
      );
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

/** Of a build with sources, cache, artifact and after_script. Another runner has none. */
export async function measureHistory(options: BenchOptions): Promise<readonly Figure[]> {
  if (options.runnerCommand !== undefined) return [];
  const subject = await openSubject(options);
  try {
    await subject.runJob(FILES);
    await subject.installation.whenClean();
    const ready = JSON.parse(await subject.installation.runner.whenLog(/"msg":"ready"/)) as {
      readonly temporal: string;
    };
    const connection = await Connection.connect({ address: ready.temporal });
    try {
      return await sizesOf(new Client({ connection }));
    } finally {
      await connection.close();
    }
  } finally {
    await subject.close();
  }
}

/** By the plain call: the client's own list would decode memos, for which it has no key here. */
async function sizesOf(client: Client): Promise<readonly Figure[]> {
  const query = 'WorkflowType="runBuild"';
  const request = { namespace: 'default', query };
  const { executions } = await client.workflowService.listWorkflowExecutions(request);
  const workflowId = executions[0]?.execution?.workflowId;
  if (!workflowId) throw new Error('Temporal knows no build');
  const handle = client.workflow.getHandle(workflowId);
  const history = await handle.fetchHistory();
  const { length } = proto.temporal.api.history.v1.History.encode(history).finish();
  const title = 'history of a build with cache and artifact';
  return [
    { name: 'history-events', title, unit: 'events', values: [history.events?.length ?? 0] },
    { name: 'history-size', title, unit: 'KB', values: [length / 1000] },
  ];
}

export async function measureIdle(options: BenchOptions): Promise<readonly Figure[]> {
  const subject = await openSubject(options);
  try {
    await subject.runJob(TRIVIAL);
    await subject.installation.whenClean();
    await delay(5_000);
    const before = await subject.cpuSeconds();
    const spentMs = await timeOf(() => delay(options.idleSeconds * 1_000));
    const used = (await subject.cpuSeconds()) - before;
    const memory = await residentMegabytes(subject.pid);
    const percent = (used / (spentMs / 1_000)) * 100;
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

/** Until the first job request. Temporal runs already, and the node has been started before. */
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

async function startTemporal() {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-bench-temporal-'));
  const port = 20_000 + (process.pid % 10_000);
  const file = join(directory, 'temporal.db');
  const args = ['server', 'start-dev', '--headless', '--port', String(port), '--db-filename', file];
  const child = spawn(temporalCli(), args, { stdio: 'ignore' });
  const exited = once(child, 'exit');
  await whenListening(port);
  return {
    address: `127.0.0.1:${port}`,
    close: async () => {
      child.kill('SIGTERM');
      await exited;
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function whenListening(port: number): Promise<void> {
  for (let triesLeft = 300; triesLeft > 0; triesLeft -= 1) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await delay(100);
  }
  throw new Error(`Temporal does not listen on port ${port}`);
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
