import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { FakeAnswer, InterceptedRequest } from '../fake-gitlab/types.ts';
import { isUpdate, type Fault, type Scene } from './faults.ts';

export interface WrongAnswers {
  /** The name of the fault in the suite's table. */
  readonly name: string;
  readonly times: number;
  /** Creates each answer when it is needed, so that a date in it is current. */
  readonly answer: () => FakeAnswer;
  /**
   * Selects the calls that are answered wrongly. The default is all calls about the job except
   * those of git.
   */
  readonly matches?: (request: InterceptedRequest, scene: Scene) => boolean;
}

export const isJobRequest = ({ kind }: InterceptedRequest): boolean => kind === 'job_request';

export function isPatchOf({ kind, jobId }: InterceptedRequest, { job }: Scene): boolean {
  return kind === 'trace' && jobId === job.id;
}

export function isFinalOf(request: InterceptedRequest, { job }: Scene): boolean {
  return request.jobId === job.id && isUpdate(request, ['success', 'failed']);
}

function isOfTheJob({ kind, jobId }: InterceptedRequest, { job }: Scene): boolean {
  return kind !== 'git' && jobId === job.id;
}

/** Returns false for uploads, because the trace reports their redirects. */
function isNoUpload(request: InterceptedRequest, scene: Scene): boolean {
  return isOfTheJob(request, scene) && request.kind !== 'upload';
}

/** GitLab answers the next calls wrongly, and then correctly again. */
export function giveAnswers({ name, times, answer, matches = isOfTheJob }: WrongAnswers): Fault {
  let left = times;
  return {
    name,
    strike: (scene) => {
      const interception = scene.installation.gitlab.intercept((request) => {
        if (!matches(request, scene)) return undefined;
        left -= 1;
        if (left === 0) interception.remove();
        return answer();
      });
    },
    confirm: ({ installation, job }) => {
      assert.ok(left < times, 'GitLab was never asked');
      // The log must not contain the whole of another server's answer.
      const longest = Math.max(...installation.runner.lines.map(({ length }) => length));
      assert.ok(longest < MAX_LINE_LENGTH, `a line of ${longest} characters in the log`);
      assert.ok(!job.trace.includes(PADDING), 'an error page in the trace');
    },
  };
}

/** Answers the next job request wrongly too, because the job may have no more calls. */
export function answerEverything({ name, times, answer }: WrongAnswers): Fault {
  let left = times;
  let tell: () => void = () => undefined;
  let remove: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (tell = resolve));
  return {
    name,
    strike: (scene) => {
      const interception = scene.installation.gitlab.intercept((request) => {
        if (!isJobRequest(request) && !isOfTheJob(request, scene)) return undefined;
        left -= 1;
        if (left === 0) interception.remove();
        tell();
        return answer();
      });
      remove = () => interception.remove();
    },
    mend: async ({ installation, job }) => {
      await job.whenFinished();
      await installation.whenClean(60_000);
      await asked;
      remove(); // The next job must be answered correctly.
    },
  };
}

const MAX_LINE_LENGTH = 4_000;
const PADDING = 'x'.repeat(4_096);
const HTML = { 'Content-Type': 'text/html' };
const GZIP = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' };
const BOMB = gzipSync(Buffer.alloc(80_000_000));
const REDIRECT = { Location: '?debug_trace=false' };

/** Sends one byte per second until the reader closes the stream. */
function drip(): Readable {
  return Readable.from(
    (async function* () {
      for (;;) {
        yield '{';
        await delay(1_000);
      }
    })(),
  );
}

/**
 * Answers of GitLab, or of a proxy before it, to a call that was not executed. Any call may get
 * them.
 */
export const STRANGE_ANSWERS: readonly WrongAnswers[] = [
  {
    ...{ name: 'GitLab answers 504 with a page', times: 8 },
    answer: () => ({ status: 504, headers: HTML, body: '<html>504 Gateway Time-out</html>' }),
  },
  {
    ...{ name: 'GitLab answers a page of 1 MB', times: 3 },
    answer: () => ({ status: 500, headers: HTML, body: `<html>${PADDING.repeat(256)}</html>` }),
  },
  {
    ...{ name: 'GitLab answers an error of 1 MB in JSON', times: 3 },
    answer: () => ({ status: 500, body: JSON.stringify({ message: PADDING.repeat(256) }) }),
  },
  {
    ...{ name: 'GitLab redirects in a circle', times: 12 },
    answer: () => ({ status: 307, headers: REDIRECT }),
    matches: isNoUpload,
  },
  {
    ...{ name: 'GitLab redirects to nowhere', times: 2 },
    answer: () => ({ status: 308 }),
    matches: isNoUpload,
  },
  {
    ...{ name: 'GitLab answers 80 MB in 80 KB', times: 2 },
    answer: () => ({ status: 500, headers: GZIP, body: BOMB }),
  },
  {
    ...{ name: 'GitLab answers a byte a second', times: 1 },
    answer: () => ({ status: 502, body: drip }),
  },
  {
    ...{ name: 'GitLab answers 429 with a date', times: 2 },
    answer: () => ({ status: 429, headers: { 'Retry-After': httpDate(Date.now() + 2_000) } }),
  },
  {
    ...{ name: 'GitLab answers 429 without a time', times: 3 },
    answer: () => ({ status: 429 }),
  },
  {
    ...{ name: 'GitLab answers 429 with the end of its window', times: 2 },
    answer: () => ({
      status: 429,
      headers: { 'RateLimit-ResetTime': httpDate(Date.now() + 2_000) },
    }),
  },
];

function httpDate(atMs: number): string {
  return new Date(atMs).toUTCString();
}

/** Answers to a job request that was not executed. A job waits at that time. */
export const STRANGE_OFFERS: readonly WrongAnswers[] = [
  {
    ...{ name: 'GitLab hands out half of a JSON', times: 2 },
    answer: () => ({ status: 201, body: '{"id": 12, "tok' }),
  },
  {
    ...{ name: 'GitLab hands out null', times: 2 },
    answer: () => ({ status: 201, body: 'null' }),
  },
  {
    ...{ name: 'GitLab hands out a page', times: 2 },
    answer: () => ({ status: 201, headers: HTML, body: '<html>Sign in</html>' }),
  },
  {
    ...{ name: 'GitLab hands out an empty 200', times: 2 },
    answer: () => ({ status: 200 }),
  },
  {
    ...{ name: 'GitLab hands out 80 MB in 80 KB', times: 1 },
    answer: () => ({ status: 201, headers: GZIP, body: BOMB }),
  },
  {
    ...{ name: 'GitLab cuts the connection of a question', times: 2 },
    answer: () => ({ cut: true }),
  },
  {
    ...{ name: 'GitLab answers 500 to a question', times: 8 },
    answer: () => ({ status: 500 }),
  },
];
