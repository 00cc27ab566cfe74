import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DownloadReply, UpdateReply } from '../../../src/ports/index.ts';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const ANSWER = { correlationId: 'c', host: 'gitlab.example.com' } as const;
const NO_ANSWER: DownloadReply = {
  ...{ kind: 'unreachable', status: 0, said: 'connection lost' },
  ...ANSWER,
};
const BROKEN: DownloadReply = { kind: 'failed', status: 502, said: '502 Bad Gateway', ...ANSWER };
const NOT_FOUND: DownloadReply = { kind: 'not_found', status: 404, said: '404', ...ANSWER };
const DONE: DownloadReply = { kind: 'done', status: 200, said: '200 OK', ...ANSWER };

interface Download {
  /** The replies, one after the other. After the last one the artifact is available. */
  readonly replies: readonly DownloadReply[];
  /** The number of requests for its state that GitLab leaves unanswered. */
  readonly silences?: number;
}

/** Returns the outcome, and the number of requests for the artifact. */
async function download({ replies, silences = 0 }: Download): Promise<[StageOutcome, number]> {
  const artifact = { filename: 'a.zip', size: 1 };
  const dependency = { id: 7, name: 'compile', token: 'job-token', artifacts_file: artifact };
  const context = contextOf({ job: { dependencies: [dependency] } });
  const { buildId } = context;
  let asked = 0;
  let silent = 0;
  const coordinator = {
    downloadArtifact: (): Promise<DownloadReply> => {
      asked += 1;
      return Promise.resolve(replies[asked - 1] ?? DONE);
    },
    updateJob: (): Promise<UpdateReply> => {
      silent += 1;
      return silent <= silences
        ? Promise.reject(new TransientError('connect ECONNREFUSED'))
        : Promise.resolve({ kind: 'done', remote: 'running' });
    },
  };
  const { node } = openProcess(createWorld(context), { coordinator }).activities;
  await runActivity(() => node.prepareEnvironment({ buildId }));
  const stage = { name: 'download_artifacts', place: 'transfer', attempts: 1 } as const;
  const request = { stage, attempt: 1, jobStatus: 'running' } as const;
  return [await runActivity(() => node.runStage({ buildId }, request)), asked];
}

describe('artifacts that cannot be downloaded', () => {
  const failed: StageOutcome = { kind: 'script_failed', exitCode: 1 };
  const succeeded: StageOutcome = { kind: 'succeeded' };
  const cases: [why: string, download: Download, expected: StageOutcome, asked: number][] = [
    ['are there at the second try', { replies: [BROKEN] }, succeeded, 2],
    ['fail the job after three', { replies: [BROKEN, NO_ANSWER, BROKEN] }, failed, 3],
    [
      'are waited for while GitLab is away',
      { replies: Array.from({ length: 4 }, () => NO_ANSWER), silences: 5 },
      ...([succeeded, 5] as const),
    ],
    ['fail the job when GitLab has none', { replies: [NOT_FOUND], silences: 5 }, failed, 1],
  ];
  for (const [why, given, expected, asked] of cases) {
    it(why, async () => {
      assert.deepEqual(await download(given), [expected, asked]);
    });
  }
});
