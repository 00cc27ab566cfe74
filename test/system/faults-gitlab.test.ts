import { after, before, describe, it } from 'node:test';
import type { FakeAnswer, InterceptedRequest } from '../support/fake-gitlab/types.ts';
import { answerWrongly } from '../support/faults/fault-kinds.ts';
import { openFaultLab, type FaultLab, type Moment } from '../support/faults/faults.ts';
import { END_OF_TRACE_LOST, JOB_DELETED } from '../support/faults/trials.ts';

// These tests are a short version of test/faults/gitlab and hand-out: each kind of wrong answer
// comes at its worst moment.

const PAGE = '<html><body><h1>502 Bad Gateway</h1></body></html>';
const HTML = { 'Content-Type': 'text/html' };
/** GitLab takes an unacknowledged job back after this time. The real time is two minutes. */
const ACKNOWLEDGE_MS = 5_000;

const ANSWERS: readonly (readonly [Moment, title: string, answer: FakeAnswer])[] = [
  ['handed out', '500', { status: 500, body: '{"message":"500 Internal Server Error"}' }],
  ['handed out', 'a cut connection after it was carried out', { cut: true, afterwards: true }],
  ['acknowledged', '502 with a page', { status: 502, headers: HTML, body: PAGE }],
  ['acknowledged', 'half an answer', { cut: 'midway', afterwards: true }],
  ['prepare', '429 with Retry-After', { status: 429, headers: { 'Retry-After': '1' } }],
  ['script', '503 without a body', { status: 503 }],
  ['script', 'a cut connection', { cut: true }],
  ['after the script', '200 with a page', { status: 200, headers: HTML, body: PAGE }],
  [
    'artifact upload',
    '502 after it was carried out',
    { status: 502, body: PAGE, afterwards: true },
  ],
  ['final answer', 'half an answer', { cut: 'midway', afterwards: true }],
  ['final answer', '500', { status: 500, body: '' }],
];
const TIMES = 2;

const isJobRequest = ({ kind }: InterceptedRequest): boolean => kind === 'job_request';

describe('a job about which GitLab gives wrong answers', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab({ gitlab: { acknowledgeMs: ACKNOWLEDGE_MS } });
  });
  after(() => lab.close());

  for (const [moment, title, answer] of ANSWERS) {
    it(`ends: ${title}, ${TIMES} times from the moment "${moment}" on`, () =>
      lab.run({ moment, fault: answerWrongly(answer, TIMES), resends: TIMES }));
  }

  it('runs once when the answer that brought it is lost', () =>
    lab.run({
      ...{ moment: 'asked', handedOut: 2 },
      fault: answerWrongly({ cut: true, afterwards: true }, 1, isJobRequest),
    }));

  it('has its whole trace when GitLab has lost the end of it', () => lab.run(END_OF_TRACE_LOST));

  it('is stopped and leaves nothing behind when GitLab deletes it', () => lab.run(JOB_DELETED));
});
