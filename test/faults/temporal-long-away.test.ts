import { after, before, describe, it } from 'node:test';
import { openFaultLab, type FaultLab } from '../support/faults.ts';
import {
  startOuterTemporal,
  temporalAway,
  type OuterTemporal,
} from '../support/temporal-faults.ts';

// In a file of its own: it waits, and others run beside it.

const TEN_MINUTES_MS = 10 * 60_000;

describe('a Temporal that somebody else keeps and does not mend soon', () => {
  let lab: FaultLab;
  let temporal: OuterTemporal;
  before(async () => {
    temporal = await startOuterTemporal();
    lab = await openFaultLab({
      ...{ concurrent: 2, runnerToml: '  limit = 2' },
      env: { TEMPORAL_ADDRESS: temporal.address },
    });
  });
  after(async () => {
    await lab.close();
    await temporal.close();
  });

  it('is away for ten minutes from mid-script on: the job goes on, and ends as ever', () =>
    lab.run({
      ...{ moment: 'script', goesOn: true, resends: 3, limitMs: 180_000 },
      fault: temporalAway(() => temporal, { durationMs: TEN_MINUTES_MS, saidMeanwhile: /line 9/ }),
    }));
});
