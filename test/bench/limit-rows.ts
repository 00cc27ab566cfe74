import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createFakeGitLab } from '../support/fake-gitlab/index.ts';
import { bridgeGateway } from '../support/installation.ts';
import type { chain, ChainActivities } from './chain-workflow.ts';
import type { Figure } from './figure.ts';
import { timeOf, timeOfContainer, timeOfGit, timeOfPatches } from './limits.ts';
import type { BenchOptions } from './options.ts';
import { startTemporal } from './temporal-server.ts';

/** A trivial job has this number of activities. */
const LINKS = 8;
const QUEUE = 'bench';
const CHAIN_WORKFLOW = fileURLToPath(new URL('./chain-workflow.js', import.meta.url));
const LINE = `${'0123456789abcdef'.repeat(6)}\n`;

/**
 * Measures what every runner needs, each with the simplest client. The figures are the same for
 * another runner.
 */
export async function measureLimits(options: BenchOptions): Promise<readonly Figure[]> {
  if (options.runnerCommand !== undefined) return [];
  return [...(await measureMachine(options)), await measureChain(options)];
}

async function measureMachine(options: BenchOptions): Promise<readonly Figure[]> {
  const gitlab = await createFakeGitLab({
    ...{ host: '0.0.0.0', advertiseHost: await bridgeGateway() },
  });
  const log = Buffer.from(LINE.repeat(Math.round((options.logMegabytes * 1e6) / LINE.length)));
  const [containers, fetches, logs]: [number[], number[], number[]] = [[], [], []];
  try {
    for (let run = -1; run < options.runs; run += 1) {
      const container = await timeOfContainer();
      const fetched = await timeOfGit(gitlab);
      const sent = await timeOfPatches(gitlab, log);
      if (run < 0) continue;
      containers.push(container);
      fetches.push(fetched);
      logs.push(sent);
    }
  } finally {
    await gitlab.close();
  }
  const size = `${options.logMegabytes} MB`;
  return [
    { name: 'limit-container', title: 'bare container', unit: 'ms', values: containers },
    { name: 'limit-git', title: 'plain git fetch', unit: 'ms', values: fetches },
    { name: 'limit-log', title: `${size} by plain PATCH requests`, unit: 'ms', values: logs },
  ];
}

/** Measures a workflow whose activities do nothing, from its start until its end is known. */
async function measureChain({ runs }: BenchOptions): Promise<Figure> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const temporal = await startTemporal();
  const { address } = temporal;
  const native = await NativeConnection.connect({ address });
  const activities: ChainActivities = { rest: () => Promise.resolve() };
  const worker = await Worker.create({
    ...{ connection: native, taskQueue: QUEUE, activities, workflowsPath: CHAIN_WORKFLOW },
  });
  const values: number[] = [];
  const connection = await Connection.connect({ address });
  try {
    await worker.runUntil(async () => {
      const { workflow } = new Client({ connection });
      for (let run = -1; run < runs; run += 1) {
        const args: [number] = [LINKS];
        const options = { taskQueue: QUEUE, workflowId: `chain-${run}`, args };
        const time = await timeOf(() => workflow.execute<typeof chain>('chain', options));
        if (run >= 0) values.push(time);
      }
    });
  } finally {
    await connection.close();
    await native.close();
    await temporal.close();
  }
  const title = `empty chain of ${LINKS} activities`;
  return { name: 'limit-chain', title, unit: 'ms', values };
}
