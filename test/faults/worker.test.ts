import { randomInt } from 'node:crypto';
import { after, before, describe } from 'node:test';
import {
  killAll,
  killOften,
  killWorker,
  seededRandom,
  stopWorker,
} from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import {
  EARLY_MOMENTS,
  HELPER_MOMENTS,
  LAST_MOMENTS,
  MOMENTS,
  openFaultLab,
  type FaultLab,
} from '../support/faults/faults.ts';

const KILLS = 20;

describe('the worker', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const moment of [...MOMENTS, ...HELPER_MOMENTS, ...EARLY_MOMENTS, ...LAST_MOMENTS]) {
    it(`is killed at the moment "${moment}", and started at once`, () =>
      lab.run({ moment, fault: killWorker() }));
  }

  for (const moment of MOMENTS) {
    it(`is told to stop at the moment "${moment}", and started again`, () =>
      lab.run({ moment, fault: stopWorker() }));
  }

  for (const seed of seeds()) {
    it(`is killed ${KILLS} times in one build, at moments of seed ${seed}`, () =>
      lab.run({
        ...{ moment: 'handed out', resends: KILLS, limitMs: 180_000 },
        fault: killOften({ kills: KILLS, random: seededRandom(seed) }),
      }));
  }
});

describe('worker and Temporal together', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const moment of MOMENTS) {
    it(`are killed at the moment "${moment}"`, () =>
      lab.run({ moment, fault: killAll({ isEmptied: false }) }));
  }
  for (const moment of MOMENTS) {
    it(`are killed at the moment "${moment}", and the database is lost`, () =>
      lab.run({ moment, fault: killAll({ isEmptied: true }) }));
  }
});

/**
 * Returns seeds, which are random in each run. The seed of a failed run is in its title; FAULT_SEED
 * repeats it.
 */
function seeds(): readonly number[] {
  const given = process.env['FAULT_SEED'];
  if (given !== undefined) return [Number(given)];
  return [randomInt(2 ** 31), randomInt(2 ** 31)];
}
