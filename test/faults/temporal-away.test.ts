import { after, before, describe } from 'node:test';
import { it } from '../support/faults/fault-report.ts';
import type { FaultLab, Moment } from '../support/faults/faults.ts';
import {
  openOuterTemporalLab,
  temporalAway,
  type OuterTemporal,
} from '../support/faults/temporal-faults.ts';

const SHORT_MS = 1_000;
const LONG_MS = 60_000;
const MOMENTS_OF_LONG: readonly Moment[] = [
  'handed out',
  'prepare',
  'script',
  'artifact upload',
  'final update',
];

describe('a Temporal of somebody else', () => {
  let lab: FaultLab;
  let temporal: OuterTemporal;
  before(async () => {
    ({ lab, temporal } = await openOuterTemporalLab());
  });
  after(() => lab.close());

  for (const moment of ['prepare', 'script', 'final update'] as const) {
    it(`is away for a second from the moment "${moment}" on`, () =>
      lab.run({
        ...{ moment, goesOn: true, resends: 3 },
        fault: temporalAway(() => temporal, { durationMs: SHORT_MS }),
      }));
  }
  for (const moment of MOMENTS_OF_LONG) {
    it(`is away for a minute from the moment "${moment}" on`, () =>
      lab.run({
        ...{ moment, goesOn: true, resends: 3, limitMs: 180_000 },
        fault: temporalAway(() => temporal, {
          durationMs: LONG_MS,
          ...(moment === 'script' && { saidMeanwhile: /line 9/ }),
        }),
      }));
  }
});
