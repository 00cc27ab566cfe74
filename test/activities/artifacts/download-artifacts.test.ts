import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Coordinator, DownloadReply, UpdateReply } from '../../../src/ports/index.ts';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { archiveOf, createFakeFileSystem } from '../support/fake-files.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const ANSWER = { correlationId: 'c', host: 'gitlab.example.com' } as const;
const NO_ANSWER: DownloadReply = {
  ...{ kind: 'unreachable', status: 0, said: 'connection lost' },
  ...ANSWER,
};
const BROKEN: DownloadReply = { kind: 'failed', status: 502, said: '502 Bad Gateway', ...ANSWER };
const BUSY: DownloadReply = {
  ...{ kind: 'failed', status: 429, said: '429 Too Many Requests', retryAfterMs: 60_000 },
  ...ANSWER,
};
const NOT_FOUND: DownloadReply = { kind: 'not_found', status: 404, said: '404', ...ANSWER };
const DONE: DownloadReply = { kind: 'done', status: 200, said: '200 OK', ...ANSWER };

function times(count: number, reply: DownloadReply): readonly DownloadReply[] {
  return Array.from({ length: count }, () => reply);
}

interface Download {
  /** The replies, one after the other. After the last one the artifact is available. */
  readonly replies: readonly DownloadReply[];
  /** The number of requests for its state that GitLab leaves unanswered. */
  readonly silences?: number;
  readonly archive?: string;
  /** The number of earlier jobs with artifacts. */
  readonly jobs?: number;
}

interface Downloaded {
  readonly outcome: StageOutcome;
  /** The number of requests for the artifact. */
  readonly asked: number;
  readonly pausesMs: readonly number[];
  readonly trace: string;
  /** The scratch files that are left on the node. */
  readonly left: readonly string[];
}

async function download({
  replies,
  silences = 0,
  archive = archiveOf({ a: 'made' }),
  jobs = 1,
}: Download): Promise<Downloaded> {
  const artifact = { filename: 'a.zip', size: 1 };
  const dependencies = Array.from({ length: jobs }, (_, index) => ({
    ...{ id: 7 + index, name: 'compile', token: 'job-token', artifacts_file: artifact },
  }));
  const context = contextOf({ job: { dependencies } });
  const { buildId } = context;
  let asked = 0;
  let silent = 0;
  const { engine, node: disk, archives, hostFiles } = createFakeFileSystem();
  const coordinator: Partial<Coordinator> = {
    downloadArtifact: (_job, { file }) => {
      asked += 1;
      const reply = replies[asked - 1] ?? DONE;
      if (reply.kind === 'done') disk.set(file, archive);
      return Promise.resolve(reply);
    },
    updateJob: (): Promise<UpdateReply> => {
      silent += 1;
      return silent <= silences
        ? Promise.reject(new TransientError('connect ECONNREFUSED'))
        : Promise.resolve({ kind: 'done', remote: 'running' });
    },
  };
  const pausesMs: number[] = [];
  const world = createWorld(context);
  const usual = openProcess(world).ports.clock;
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    if (ms >= 60_000) pausesMs.push(ms);
    return usual.sleep(Math.min(ms, 60_000), signal);
  };
  const clock = { ...usual, sleep };
  const ports = { clock, archives, hostFiles };
  const { node } = openProcess(world, { coordinator, engine, ports }).activities;
  await runActivity(() => node.prepareEnvironment({ buildId }));
  const stage = { name: 'download_artifacts', place: 'transfer', attempts: 1 } as const;
  const request = { stage, attempt: 1, jobStatus: 'running' } as const;
  const outcome = await runActivity(() => node.runStage({ buildId }, request));
  return { outcome, asked, pausesMs, trace: world.spool.saved.text, left: [...disk.keys()] };
}

describe('artifacts that cannot be downloaded', () => {
  const failed: StageOutcome = { kind: 'script_failed', exitCode: 1 };
  const succeeded: StageOutcome = { kind: 'succeeded' };
  const cases: [why: string, download: Download, expected: StageOutcome, asked: number][] = [
    ['are there at the second try', { replies: [BROKEN] }, succeeded, 2],
    ['fail the job after three', { replies: [BROKEN, NO_ANSWER, BROKEN] }, failed, 3],
    [
      'are waited for while GitLab is away',
      { replies: times(4, NO_ANSWER), silences: 5 },
      ...([succeeded, 5] as const),
    ],
    ['are asked for again when GitLab wants it', { replies: times(4, BUSY) }, succeeded, 5],
    ['count one try for five such answers', { replies: times(14, BUSY) }, succeeded, 15],
    ['fail the job when GitLab never gives them', { replies: times(15, BUSY) }, failed, 15],
    ['fail the job when GitLab has none', { replies: [NOT_FOUND], silences: 5 }, failed, 1],
  ];
  for (const [why, given, expected, asked] of cases) {
    it(why, async () => {
      const { outcome, ...rest } = await download(given);
      assert.deepEqual([outcome, rest.asked], [expected, asked]);
    });
  }

  it('are asked for when GitLab wants it, within an hour, and the trace says so', async () => {
    const patient = { ...BUSY, retryAfterMs: 7_200_000 };
    const { pausesMs, trace } = await download({ replies: [BUSY, patient] });
    assert.deepEqual(pausesMs, [60_000, 3_600_000]);
    assert.match(trace, /WARNING: .*coordinator\.\.\. 429 Too Many Requests: asks again in 1m0s/);
  });
});

describe('a downloaded archive', () => {
  const cases: [why: string, download: Download, kind: StageOutcome['kind']][] = [
    ['once all are unpacked', { replies: [], jobs: 2 }, 'succeeded'],
    ['when it is refused', { replies: [], archive: 'no archive' }, 'script_failed'],
    ['when the next one is not there', { replies: [DONE, NOT_FOUND], jobs: 2 }, 'script_failed'],
  ];
  for (const [why, given, kind] of cases) {
    it(`is removed from the node ${why}`, async () => {
      const { outcome, left } = await download(given);
      assert.deepEqual([outcome.kind, left], [kind, []]);
    });
  }
});
