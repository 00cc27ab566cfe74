import { after, before, describe } from 'node:test';
import type { FakeAnswer } from '../support/fake-gitlab/types.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type Fault, type FaultLab, type Trial } from '../support/faults/faults.ts';
import {
  giveAnswers,
  isFinalOf,
  isPatchOf,
  isJobRequest,
  STRANGE_ANSWERS,
  STRANGE_OFFERS,
} from '../support/faults/gitlab-faults.ts';

// These answers are rare, and are neither an outage nor part of GitLab's protocol.

describe('GitLab, or what stands before it,', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const strange of STRANGE_ANSWERS) {
    for (const moment of ['script', 'artifact upload', 'final answer'] as const) {
      it(`at the moment "${moment}": ${strange.name}`, () =>
        lab.run({ moment, fault: giveAnswers(strange), resends: strange.times }));
    }
  }
  for (const strange of [...STRANGE_ANSWERS, ...STRANGE_OFFERS]) {
    it(`in answer to a job request: ${strange.name}`, () =>
      lab.run({ moment: 'asked', fault: giveAnswers({ ...strange, matches: isJobRequest }) }));
  }
});

const INTERVAL = 'X-GitLab-Trace-Update-Interval';

/** Returns an answer that accepts a patch and has unusual headers. */
function taken(headers: Readonly<Record<string, string>>): () => FakeAnswer {
  return () => ({ status: 202, headers, afterwards: true });
}

function patchesAnswered(name: string, times: number, answer: () => FakeAnswer): Fault {
  return giveAnswers({ name, times, answer, matches: isPatchOf });
}

const PATCHES: readonly (readonly [why: string, trial: Omit<Trial, 'moment'>])[] = [
  [
    'without a Range is taken all the same',
    { fault: patchesAnswered('202 without a Range', 5, taken({})) },
  ],
  [
    'that does not fit, with a Range that is none, makes it begin anew',
    {
      fault: patchesAnswered('416 with a Range that is none', 2, () => ({
        ...{ status: 416, headers: { Range: 'bytes=some' } },
      })),
      resends: 2,
    },
  ],
  [
    'that does not fit, without a Range, makes it begin anew',
    { fault: patchesAnswered('416 without a Range', 2, () => ({ status: 416 })), resends: 2 },
  ],
  [
    'that does not fit, with a Range that is not so, is sent from there',
    {
      // The runner must not follow this Range, because it would leave a gap.
      fault: giveAnswers({
        ...{ name: '416 with a wrong Range', times: 2 },
        answer: () => ({ status: 416, headers: { Range: '0-5' } }),
        matches: (request, scene) => isPatchOf(request, scene) && scene.job.trace.byteLength > 5,
      }),
      resends: 2,
    },
  ],
  [
    '412 is sent again',
    { fault: patchesAnswered('412 to a patch', 3, () => ({ status: 412 })), resends: 3 },
  ],
  [
    'with an interval of ten minutes does not keep the end of the job waiting',
    {
      fault: patchesAnswered('an interval of 600 s', 1, taken({ [INTERVAL]: '600' })),
      limitMs: 20_000,
    },
  ],
  ...['0', '-1', 'soon', '1e9', ''].map(
    (value) =>
      [
        `with an interval of "${value}" changes nothing`,
        {
          fault: patchesAnswered(`an interval of "${value}"`, 3, taken({ [INTERVAL]: value })),
          limitMs: 20_000,
        },
      ] as const,
  ),
  [
    'with an unknown Job-Status changes nothing',
    { fault: patchesAnswered('an unknown Job-Status', 5, taken({ 'Job-Status': 'waiting' })) },
  ],
];

describe('GitLab’s answer to a piece of the trace', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const [why, trial] of PATCHES) {
    it(why, () => lab.run({ moment: 'script', ...trial }));
  }

  for (const moment of ['script', 'after the script'] as const) {
    it(`says that it has more than was sent, from the moment "${moment}" on: all is sent again`, () =>
      lab.run({
        ...{ moment, resends: 3 },
        fault: {
          name: 'GitLab has more of the trace than was sent',
          strike: ({ job }) => job.addToTrace(Buffer.from('what somebody else has said\n')),
        },
      }));
  }

  for (const state of ['canceled', 'failed'] as const) {
    it(`says that the job is ${state}: the job ends at once, without after_script`, () =>
      lab.run({
        ...{ moment: 'script', isHeld: true, expected: REPORTED },
        fault: endedBy(state),
        runs: { script: 1, afterScript: 0 },
      }));
  }

  it('says that the job is being canceled: after_script runs', () =>
    lab.run({
      ...{ moment: 'script', isHeld: true, expected: { state: 'canceled' } },
      fault: { name: 'the job is canceled', strike: ({ job }) => job.cancel() },
      runs: { script: 1, afterScript: 1 },
    }));
});

const REPORTED = { state: 'failed', failureReason: 'unknown_failure' } as const;

function endedBy(state: string): Fault {
  const fault = patchesAnswered(`Job-Status ${state}`, 1_000, taken({ 'Job-Status': state }));
  return { ...fault, mend: ({ installation }) => installation.whenClean(60_000) };
}

describe('GitLab’s answer to the result', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  const finalAnswered = (name: string, times: number, answer: FakeAnswer): Fault =>
    giveAnswers({ name, times, answer: () => answer, matches: isFinalOf });

  it('is "not yet" for long: the result is sent until GitLab has stored the trace', () =>
    lab.run({
      moment: 'final answer',
      fault: finalAnswered('202 to the result', 10, { status: 202, headers: { [INTERVAL]: '1' } }),
    }));

  it('is "not yet" without a time, and then it is accepted', () =>
    lab.run({
      moment: 'final answer',
      fault: finalAnswered('202 without an interval to the result', 2, { status: 202 }),
    }));

  it('is again and again that the trace is incomplete: all of it is sent each time', () =>
    lab.run({
      ...{ moment: 'final answer', resends: 3 },
      fault: finalAnswered('412 to the result', 3, { status: 412 }),
    }));
});
