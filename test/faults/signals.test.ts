import { after, before, describe } from 'node:test';
import { freezeWorker } from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import { MOMENTS, openFaultLab, type FaultLab, type Moment } from '../support/faults/faults.ts';
import { rebootNode } from '../support/faults/reboot-faults.ts';
import {
  BLOCKABLE,
  blockLoop,
  drainThenStopWorker,
  drainWorker,
  stopWorkerTwice,
} from '../support/faults/signal-faults.ts';

/** All moments except those at which the process has ended or is about to end. */
const BEFORE_THE_END: readonly Moment[] = [
  ...(['handed out', 'acknowledged', 'prepare', 'get_sources', 'script'] as const),
  ...(['after the script', 'artifact upload'] as const),
];
const SOME: readonly Moment[] = ['prepare', 'script', 'after the script', 'artifact upload'];
const FROZEN_MS = 60_000;
/** The module blocks the event loop for this time. */
const BLOCKED_MS = 40_000;
const BROKEN = { state: 'failed', failureReason: 'runner_system_failure' } as const;

describe('the program that gets signals', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const moment of MOMENTS) {
    it(`is drained from the moment "${moment}" on: it finishes its job first`, () =>
      lab.run({ moment, fault: drainWorker(), goesOn: true }));
  }
  for (const moment of BEFORE_THE_END) {
    it(`is drained, then told to stop, at the moment "${moment}"`, () =>
      lab.run({ moment, fault: drainThenStopWorker() }));
  }
  for (const moment of SOME) {
    it(`is told to stop twice at the moment "${moment}"`, () =>
      lab.run({ moment, fault: stopWorkerTwice('SIGTERM') }));
  }
  it('is interrupted twice during the script', () =>
    lab.run({ moment: 'script', fault: stopWorkerTwice('SIGINT') }));
});

describe('the program that hangs', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab({ env: BLOCKABLE });
  });
  after(() => lab.close());

  for (const moment of SOME) {
    it(`for a minute from the moment "${moment}" on`, () =>
      lab.run({ moment, fault: freezeWorker(FROZEN_MS), goesOn: true, limitMs: 180_000 }));
  }
  for (const moment of SOME) {
    it(`in its event loop alone for ${BLOCKED_MS / 1000} s from the moment "${moment}" on`, () =>
      lab.run({ moment, fault: blockLoop(BLOCKED_MS), goesOn: true, limitMs: 180_000 }));
  }
});

describe('the machine that restarts', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  it('during the script: the job is a system failure, with the log so far and the reason', () =>
    lab.run({
      ...{ moment: 'script', fault: rebootNode() },
      expected: { ...BROKEN, log: ['line 5', 'the container was killed from outside of the job'] },
    }));
  for (const moment of ['handed out', 'acknowledged', 'artifact upload', 'final update'] as const) {
    it(`at the moment "${moment}": the job ends as usual`, () =>
      lab.run({ moment, fault: rebootNode(), hasOtherStarts: true }));
  }
});
