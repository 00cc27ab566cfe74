import { after, before, describe, it } from 'node:test';
import {
  answerWrongly,
  killAll,
  killTemporal,
  killWorker,
  onBuildContainer,
} from '../support/fault-kinds.ts';
import { MOMENTS, openFaultLab, type FaultLab } from '../support/faults.ts';

// The short form of test/faults: what breaks most often, at each moment once.

describe('a job in the middle of faults', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const moment of MOMENTS) {
    it(`comes to its end when the worker is killed at the moment "${moment}"`, () =>
      lab.run({ moment, fault: killWorker() }));
  }
  for (const moment of ['prepare', 'script', 'final update'] as const) {
    it(`comes to its end when Temporal is killed at the moment "${moment}"`, () =>
      lab.run({ moment, fault: killTemporal() }));
  }

  it('comes to its end when everything but Docker is lost in mid-script', () =>
    lab.run({ moment: 'script', fault: killAll({ isEmptied: true }) }));

  it('sends no byte twice and leaves none out when answers about it get lost', () =>
    lab.run({
      ...{ moment: 'script', resends: 3 },
      fault: answerWrongly({ cut: 'midway', afterwards: true }, 3),
    }));

  it('fails by the system when its container is killed from outside', () =>
    lab.run({
      moment: 'script',
      fault: onBuildContainer('killed', (container) => container.kill()),
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['line 5', 'the container was killed from outside of the job (exit code 137)'],
      },
    }));
});
