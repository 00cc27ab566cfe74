import { after, before, describe, it } from 'node:test';
import { openFaultLab, type FaultLab, type Moment } from '../support/faults.ts';
import {
  startOuterTemporal,
  temporalAway,
  type OuterTemporal,
} from '../support/temporal-faults.ts';

const SHORT_MS = 1_000;
const LONG_MS = 60_000;
const MOMENTS_OF_LONG: readonly Moment[] = [
  'handed out',
  'prepare',
  'script',
  'artifact upload',
  'final update',
];

describe('a Temporal that somebody else keeps', () => {
  let lab: FaultLab;
  let temporal: OuterTemporal;
  before(async () => {
    temporal = await startOuterTemporal();
    // Room for a second job, which is to be taken when Temporal is back.
    lab = await openFaultLab({
      ...{ concurrent: 2, runnerToml: '  limit = 2' },
      env: { TEMPORAL_ADDRESS: temporal.address },
    });
  });
  after(async () => {
    await lab.close();
    await temporal.close();
  });

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
