import { randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { killOften, killWorker, seededRandom } from '../support/fault-kinds.ts';
import { MOMENTS, openFaultLab, type FaultLab } from '../support/faults.ts';

const KILLS = 20;

describe('kill -9 of the worker', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const moment of MOMENTS) {
    it(`at the moment "${moment}", and its start at once`, () =>
      lab.run({ moment, fault: killWorker() }));
  }

  it('five seconds before its start, in mid-script', () =>
    lab.run({ moment: 'script', fault: killWorker(5_000), goesOn: true }));

  for (const seed of seeds()) {
    it(`${KILLS} times in one build, at moments of seed ${seed}`, () =>
      lab.run({
        ...{ moment: 'handed out', resends: KILLS, limitMs: 180_000 },
        fault: killOften({ kills: KILLS, random: seededRandom(seed) }),
      }));
  }
});

/** Drawn anew each time; that of a failed run is in its title, and goes into FAULT_SEED. */
function seeds(): readonly number[] {
  const given = process.env['FAULT_SEED'];
  if (given !== undefined) return [Number(given)];
  return [randomInt(2 ** 31), randomInt(2 ** 31)];
}
