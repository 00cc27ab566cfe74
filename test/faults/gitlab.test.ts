import { after, before, describe } from 'node:test';
import type { FakeAnswer } from '../support/fake-gitlab/types.ts';
import { answerWrongly, gitlabOutage } from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import { MOMENTS, openFaultLab, type FaultLab } from '../support/faults/faults.ts';
import { answerEverything } from '../support/faults/gitlab-faults.ts';
import { END_OF_TRACE_LOST, JOB_DELETED } from '../support/faults/trials.ts';

const PAGE = '<html><body><h1>502 Bad Gateway</h1></body></html>';
const HTML = { 'Content-Type': 'text/html' };

const ANSWERS: readonly (readonly [title: string, answer: FakeAnswer, times: number])[] = [
  ['500', { status: 500, body: '{"message":"500 Internal Server Error"}' }, 8],
  ['502 with a page', { status: 502, headers: HTML, body: PAGE }, 8],
  ['200 with a page', { status: 200, headers: HTML, body: PAGE }, 3],
  ['503 without a body', { status: 503 }, 8],
  ['429 with Retry-After', { status: 429, headers: { 'Retry-After': '2' } }, 3],
  ['a cut connection', { cut: true }, 4],
  ['a cut connection after it was carried out', { cut: true, afterwards: true }, 3],
  ['half an answer after it was carried out', { cut: 'midway', afterwards: true }, 3],
  ['502 after it was carried out', { status: 502, body: PAGE, headers: HTML, afterwards: true }, 3],
];

describe('GitLab', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const [title, answer, times] of ANSWERS) {
    for (const moment of MOMENTS.filter((each) => each !== 'clean-up')) {
      it(`answers ${title}, ${times} times from the moment "${moment}" on`, () =>
        lab.run({ moment, fault: answerWrongly(answer, times), resends: times }));
    }
    it(`answers ${title} from the moment "clean-up" on, also to the next job request`, () => {
      const fault = answerEverything({
        name: answerWrongly(answer, times).name,
        times,
        answer: () => answer,
      });
      return lab.run({ moment: 'clean-up', fault, resends: times });
    });
  }

  for (const moment of ['script', 'final update'] as const) {
    it(`is away for 20 s from the moment "${moment}" on`, () =>
      lab.run({ moment, fault: gitlabOutage(20_000), goesOn: true }));
  }

  for (const [seconds, how, answer] of [
    [20, 'cuts every connection', { cut: true }],
    [20, 'answers 502 with a page', { status: 502, headers: HTML, body: PAGE }],
    [2, 'cuts every connection', { cut: true }],
  ] as const) {
    it(`is away for ${seconds} s while git asks for the sources, and ${how}`, () =>
      lab.run({
        ...{ moment: 'get_sources', fault: gitlabOutage(seconds * 1_000, answer) },
        ...{ hasOtherStarts: true, limitMs: 180_000 },
      }));
  }

  it('has lost the end of the trace', () => lab.run(END_OF_TRACE_LOST));

  it('has lost all of the trace', () =>
    lab.run({
      ...{ moment: 'after the script', resends: 3 },
      fault: { name: 'GitLab loses all of the trace', strike: ({ job }) => job.loseTrace(0) },
    }));

  it('deletes the job during the script: it is stopped and nothing of it is left', () =>
    lab.run(JOB_DELETED));

  it('does not know the job any more: it runs to its end and nothing of it is left', () =>
    lab.run({
      ...{ moment: 'script', isUnreported: true, expected: { state: 'running' } },
      fault: answerWrongly({ status: 404, body: '{"message":"404 Not Found"}' }, 1_000),
    }));
});
