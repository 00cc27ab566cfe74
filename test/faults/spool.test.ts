import { after, before, describe } from 'node:test';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab, type Moment } from '../support/faults/faults.ts';
import {
  cut,
  damageSpool,
  damageUnsentSpool,
  garble,
  type Damage,
} from '../support/faults/spool-faults.ts';

const LOST = /WARNING: up to [1-9]\d* bytes of this log were lost on the runner's disk/;

/** Damage to bytes that the script's own file also contains. They are read again from that file. */
const MENDED: readonly (readonly [name: string, damage: Damage])[] = [
  ['cut by 1 byte', cut(1)],
  ['cut by 100 bytes', cut(100)],
  ['with a byte of garbage', garble(1)],
  ['with 100 bytes of garbage', garble(100)],
];
const LOSSES: readonly (readonly [name: string, damage: Damage])[] = [
  ['cut by 700 bytes', cut(700)],
  ['cut by 4096 bytes', cut(4096)],
  ['with 700 bytes of garbage', garble(700)],
  ['with nothing but garbage', garble(1_000_000)],
];
const MOMENTS: readonly Moment[] = ['script', 'after the script', 'artifact upload'];

describe('a spool file that a power cut damaged', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const [name, damage] of MENDED) {
    it(`${name}, all of it output of the script, has lost nothing`, () =>
      lab.run({ moment: 'script', fault: damageSpool(name, damage) }));
  }

  for (const [name, damage] of LOSSES) {
    it(`${name} has lost nothing that GitLab has, and no later output`, () =>
      lab.run({
        moment: 'script',
        fault: damageSpool(name, damage),
        expected: {
          state: 'success',
          log: [
            'line 1',
            'line 5',
            'it costs 5 €',
            'line 9',
            'after with success',
            'Job succeeded',
          ],
          never: ['???'],
        },
      }));
  }

  for (const moment of MOMENTS) {
    it(`with garbage after the synced bytes, at the moment "${moment}", has lost nothing`, () =>
      lab.run({ moment, fault: damageSpool('with garbage beyond what was synced', garble(0)) }));
  }
});

describe('a spool file of which GitLab had nothing when a power cut damaged it', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const [name, damage] of LOSSES) {
    it(`${name}, is reported in the log, and later output arrives`, () =>
      lab.run({
        moment: 'acknowledged',
        fault: damageUnsentSpool(name, damage),
        expected: { state: 'success', log: [/\?{100}/, LOST, 'Job succeeded'] },
        // The runner asks GitLab for the length of its trace, and the runner's checksum is that of
        // the lost bytes.
        forgiven: /a gap: |final with "crc32/,
      }));
  }
});
