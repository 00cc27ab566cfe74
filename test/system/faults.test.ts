import { after, before, describe, it } from 'node:test';
import {
  answerWrongly,
  killAll,
  killTemporal,
  killWorker,
  stopWorker,
} from '../support/faults/fault-kinds.ts';
import {
  EARLY_MOMENTS,
  HELPER_MOMENTS,
  LAST_MOMENTS,
  MOMENTS,
  openFaultLab,
  type FaultLab,
  type Moment,
} from '../support/faults/faults.ts';
import { rebootNode } from '../support/faults/reboot-faults.ts';
import { drainWorker, stopWorkerTwice } from '../support/faults/signal-faults.ts';

// These tests are a short version of test/faults: the most frequent faults happen once at each
// moment.

const TEMPORAL_AT: readonly Moment[] = [
  ...(['handed out', 'prepare', 'script', 'artifact upload', 'final update'] as const),
];

describe('a job in the middle of faults', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const moment of [...MOMENTS, ...HELPER_MOMENTS, ...EARLY_MOMENTS, ...LAST_MOMENTS]) {
    it(`ends when the worker is killed at the moment "${moment}"`, () =>
      lab.run({ moment, fault: killWorker() }));
  }
  for (const moment of ['handed out', 'prepare', 'script', 'final update'] as const) {
    it(`ends when the worker is told to stop at the moment "${moment}"`, () =>
      lab.run({ moment, fault: stopWorker() }));
  }
  for (const moment of TEMPORAL_AT) {
    it(`ends when Temporal is killed at the moment "${moment}"`, () =>
      lab.run({ moment, fault: killTemporal() }));
  }

  for (const moment of ['get_sources', 'script'] as const) {
    it(`ends when both are killed at the moment "${moment}"`, () =>
      lab.run({ moment, fault: killAll({ isEmptied: false }) }));
  }

  it('ends when everything but Docker is lost while the script runs', () =>
    lab.run({ moment: 'script', fault: killAll({ isEmptied: true }) }));

  it('ends when Temporal’s database is lost while the script runs', () =>
    lab.run({ moment: 'script', fault: killTemporal({ isEmptied: true }) }));

  it('ends before a worker that is drained while the script runs', () =>
    lab.run({ moment: 'script', fault: drainWorker(), goesOn: true }));

  it('ends when the worker is told twice to stop while the script runs', () =>
    lab.run({ moment: 'script', fault: stopWorkerTwice('SIGTERM') }));

  it('fails as a system failure when the machine restarts while the script runs', () =>
    lab.run({
      moment: 'script',
      fault: rebootNode(),
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['line 5', 'the container was killed from outside of the job'],
      },
    }));

  it('sends each byte once when answers to its trace are lost', () =>
    lab.run({
      ...{ moment: 'script', resends: 3 },
      fault: answerWrongly({ cut: 'midway', afterwards: true }, 3),
    }));
});
