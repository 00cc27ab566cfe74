import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createFakeGitLab, type FakeGitLab } from '../../test/support/fake-gitlab/index.ts';
import { bridgeGateway, HELPER_IMAGE, JOB_IMAGE } from '../../test/support/installation.ts';
import { endInGoodOrder } from './good-order.ts';
import { DEMO_JOBS, LONG_JOB, type DemoJob } from './jobs.ts';
import { showLive } from './live-log.ts';
import { register, ROOT, startWorker } from './processes.ts';
import { formatResultTable } from './result-table.ts';
import { formatSeconds, say, waitingFor } from './say.ts';
import { secondTerminalLine } from './second-terminal.ts';

// This is the demonstration of `npm run quickstart`. Everything in it is real except GitLab.

const EXPECTED = ['success', 'failed', 'success', 'canceled'];

/** Functions that end what was started. They are called in reverse order. */
const undo: (() => Promise<void>)[] = [];

let tidying: Promise<void> | undefined;

/** Calls them once, whether first the jobs end, something fails, or a person presses Ctrl-C. */
function tidyUp(): Promise<void> {
  tidying ??= undoEach();
  return tidying;
}

async function undoEach(): Promise<void> {
  for (let next = undo.pop(); next !== undefined; next = undo.pop()) await next();
}

interface Wishes {
  /** True: everything keeps running at the end. */
  readonly keep: boolean;
  /** When the set-up before this process began. */
  readonly begunMs: number;
}

async function main({ keep: isKept, begunMs }: Wishes): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'temporal-gitlab-runner-'));
  undo.push(() => rm(directory, { recursive: true, force: true }));
  // The fake GitLab listens only on Docker's own bridge, where containers reach it and the network
  // outside does not.
  const gateway = await bridgeGateway();
  const gitlab = await createFakeGitLab({ host: gateway, traceUpdateIntervalSeconds: 1 });
  undo.push(() => gitlab.close());
  say(`fake GitLab    ${gitlab.url}`);

  const configPath = join(directory, 'config.toml');
  await writeFile(configPath, 'concurrent = 2\ncheck_interval = 1\n', { mode: 0o600 });
  const token = `glrt-${randomBytes(10).toString('hex')}`;
  gitlab.addRunner({ token });
  const images = { image: JOB_IMAGE, helperImage: HELPER_IMAGE };
  await register({ configPath, url: gitlab.url, token, ...images });
  say(`config         ${configPath}`);

  const logPath = join(directory, 'worker.log');
  const worker = startWorker({ configPath, logPath });
  const stateDir = join(directory, 'temporal-gitlab-runner');
  undo.push(() => endInGoodOrder({ gitlab, worker, place: { stateDir, tokens: [token] } }));
  say(`worker's log   ${logPath}`);
  const what = 'the worker to say that it is ready, which first starts its Temporal server';
  const { ui, pid } = await waitingFor(what, worker.ready);
  say(`Temporal UI    ${String(ui)}\n`);

  await Promise.all(DEMO_JOBS.map((job) => play(job, gitlab)));
  say(`\n${formatResultTable(gitlab.jobs)}\n`);
  say(`Temporal UI    ${String(ui)}`);
  say(`This took      ${formatSeconds(Date.now() - begunMs)}, with all that had to be set up`);
  if (isKept) await keep({ gitlab, workerPid: String(pid), configPath });
  const isAsExpected = EXPECTED.every((state, index) => gitlab.jobs[index]?.state === state);
  say('To look around while it runs, and to kill the worker: npm run quickstart -- --keep');
  for (const violation of gitlab.violations) say(`GitLab would complain: ${violation}`);
  return isAsExpected && gitlab.violations.length === 0 ? 0 : 1;
}

async function play({ spec, meanwhile }: DemoJob, gitlab: FakeGitLab): Promise<void> {
  const job = gitlab.addJob(spec);
  const stop = showLive(job);
  try {
    await meanwhile?.(job);
    await waitingFor(`the end of the job "${job.name}"`, job.whenFinished(120_000));
  } finally {
    stop();
  }
}

interface Kept {
  readonly gitlab: FakeGitLab;
  readonly workerPid: string;
  readonly configPath: string;
}

/** Waits until Ctrl-C. */
async function keep({ gitlab, workerPid, configPath }: Kept): Promise<never> {
  const line = secondTerminalLine({ root: ROOT, workerPid, configPath, env: process.env });
  say(
    '\nEverything is left running; Ctrl-C ends it. A job of five minutes runs now. In a second\n' +
      `terminal, this line kills the worker and starts it again:\n\n  ${line}\n\n` +
      'Watch the job go on here as if nothing had happened. (End that worker before this one.)\n',
  );
  for (;;) {
    const job = gitlab.addJob(LONG_JOB);
    const stop = showLive(job);
    await job.whenFinished(24 * 3_600_000);
    stop();
    say(`${job.name}: ${job.state}`);
  }
}

function parseWishes(): Wishes {
  const { values } = parseArgs({
    options: { keep: { type: 'boolean', default: false }, 'begun-ms': { type: 'string' } },
  });
  return { keep: values.keep, begunMs: Number(values['begun-ms'] ?? Date.now()) };
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    say('stopping …');
    void tidyUp().finally(() => process.exit(130));
  });
}
try {
  process.exitCode = await main(parseWishes());
} finally {
  await tidyUp();
}
