import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import type { FakeAnswer, InterceptedRequest } from '../support/fake-gitlab/types.ts';
import { answerWrongly, killWorker } from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import { isUpdate, openFaultLab, type Fault, type FaultLab } from '../support/faults/faults.ts';
import { COUNTED, tryFault } from '../support/faults/own-trials.ts';

/** The real GitLab waits for two minutes. */
const ACKNOWLEDGE_MS = 10_000;

const isJobRequest = ({ kind }: InterceptedRequest): boolean => kind === 'job_request';

const LOST: readonly (readonly [title: string, answer: FakeAnswer])[] = [
  ['is lost', { cut: true, afterwards: true }],
  ['arrives by half', { cut: 'midway', afterwards: true }],
  ['is replaced by 502', { status: 502, body: '<html>', afterwards: true }],
];

/**
 * No runner knows about the job. Only GitLab can notice this, when the time for the acknowledgement
 * is over.
 */
describe('the answer with a job in it', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab({ gitlab: { acknowledgeMs: ACKNOWLEDGE_MS } });
  });
  after(() => lab.close());

  for (const [title, answer] of LOST) {
    it(`${title}: GitLab hands the job out again, and it runs once`, () =>
      lab.run({ moment: 'asked', fault: answerWrongly(answer, 1, isJobRequest), handedOut: 2 }));
  }

  it('is lost because the worker is killed before it arrives', () =>
    lab.run({ moment: 'asked', fault: dieAsking(), handedOut: 2 }));

  it('is recorded, and the worker is away until GitLab has taken the job back', () =>
    lab.run({
      ...{ moment: 'handed out', handedOut: 2 },
      fault: killWorker(ACKNOWLEDGE_MS + 5_000),
    }));

  // The payload of a job is not always complete: gitlab#581960.
  for (const [why, payload] of [
    ['is 0', { runner_info: { timeout: 0 } }],
    ['is missing', { runner_info: { timeout: undefined } }],
    ['is missing with all that belongs to it', { runner_info: undefined }],
    ['is null', { runner_info: { timeout: null } }],
  ] as const) {
    it(`is for a job without a known time-out, which ${why}: the time-out is an hour`, () =>
      tryFault(lab, { fault: 'time-out not known', moment: why }, async ({ watch, mended }) => {
        const { gitlab } = lab.installation;
        const script = [COUNTED, 'sleep 1', 'echo done'];
        const job = watch(gitlab.addJob({ payload, script }), ['done']);
        await job.whenState(['running']);
        mended();
        assert.equal(await job.whenFinished(), 'success', job.log);
        await lab.installation.whenClean();
        assert.deepEqual(gitlab.violations, []);
      }));
  }
});

function dieAsking(): Fault {
  const { strike, confirm } = answerWrongly({ cut: true, afterwards: true }, 1, isJobRequest);
  const kill = killWorker();
  return {
    ...kill,
    name: 'worker killed while it asks for a job',
    strike: (scene) => {
      kill.strike(scene);
      strike(scene);
    },
    ...(confirm !== undefined && { confirm }),
  };
}

/**
 * These are GitLab's answers to the report that a job runs. Another runner may have the job by
 * then.
 */
describe('GitLab, after the acknowledgement of a job,', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const status of [409, 403] as const) {
    it(`answers ${status}: nothing of the job runs, and no result is reported`, () =>
      lab.run({
        ...{ moment: 'acknowledged', isUnreported: true, expected: { state: 'running' } },
        fault: refuseTheJob(status),
        runs: { script: 0, afterScript: 0 },
      }));
  }

  it('does not answer for ten seconds', () =>
    lab.run({ moment: 'acknowledged', fault: answerLate(10_000) }));
});

function refuseTheJob(status: number): Fault {
  const answer = { status, body: `{"message":"${status}"}` };
  const { strike, name } = answerWrongly(answer, 1_000);
  return {
    ...{ name: `${name} to "running"`, strike },
    mend: async ({ installation }) => installation.whenClean(60_000),
    confirm: ({ installation, job }) => {
      const told = installation.gitlab.requests.filter(({ path }) => path.includes(`/${job.id}`));
      assert.deepEqual(
        told.map(({ method, status: answered }) => `${method} ${answered}`),
        [`PUT ${status}`],
        'nothing is said of a job that is not ours',
      );
      job.erase(); // GitLab would otherwise hand the job out again.
    },
  };
}

function answerLate(delayMs: number): Fault {
  return {
    name: `GitLab answers "running" after ${delayMs / 1000} s`,
    strike: ({ installation, job }) => {
      // This is the delay of the answer.
      const hold = new Promise((resolve) => setTimeout(resolve, delayMs));
      const interception = installation.gitlab.intercept((request) => {
        if (request.jobId !== job.id || !isUpdate(request, ['running'])) return undefined;
        interception.remove();
        return { hold };
      });
    },
  };
}
