import { after, before, describe, it } from 'node:test';
import {
  answerWrongly,
  killAll,
  killTemporal,
  killWorker,
  stopWorker,
} from '../support/faults/fault-kinds.ts';
import {
  HELPER_MOMENTS,
  MOMENTS,
  openFaultLab,
  type FaultLab,
  type Moment,
} from '../support/faults/faults.ts';
import { rebootNode } from '../support/faults/reboot-faults.ts';
import { drainWorker, stopWorkerTwice } from '../support/faults/signal-faults.ts';

// The short form of test/faults: what breaks most often, at each moment once.

const TEMPORAL_AT: readonly Moment[] = [
  ...(['handed out', 'prepare', 'script', 'artifact upload', 'final update'] as const),
];

describe('a job in the middle of faults', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const moment of [...MOMENTS, ...HELPER_MOMENTS]) {
    it(`comes to its end when the worker is killed at the moment "${moment}"`, () =>
      lab.run({ moment, fault: killWorker() }));
  }
  for (const moment of ['handed out', 'prepare', 'script', 'final update'] as const) {
    it(`comes to its end when the worker is told to stop at the moment "${moment}"`, () =>
      lab.run({ moment, fault: stopWorker() }));
  }
  for (const moment of TEMPORAL_AT) {
    it(`comes to its end when Temporal is killed at the moment "${moment}"`, () =>
      lab.run({ moment, fault: killTemporal() }));
  }

  for (const moment of ['get_sources', 'script'] as const) {
    it(`comes to its end when both are killed at the moment "${moment}"`, () =>
      lab.run({ moment, fault: killAll({ isEmptied: false }) }));
  }

  it('comes to its end when everything but Docker is lost in mid-script', () =>
    lab.run({ moment: 'script', fault: killAll({ isEmptied: true }) }));

  it('comes to its end before a worker that is drained in mid-script', () =>
    lab.run({ moment: 'script', fault: drainWorker(), goesOn: true }));

  it('comes to its end when the worker is told twice to stop in mid-script', () =>
    lab.run({ moment: 'script', fault: stopWorkerTwice('SIGTERM') }));

  it('fails by the system when the whole machine is started anew in mid-script', () =>
    lab.run({
      moment: 'script',
      fault: rebootNode(),
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['line 5', 'the container was killed from outside of the job'],
      },
    }));

  it('sends no byte twice and leaves none out when answers about it get lost', () =>
    lab.run({
      ...{ moment: 'script', resends: 3 },
      fault: answerWrongly({ cut: 'midway', afterwards: true }, 3),
    }));
});
