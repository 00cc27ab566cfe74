import { after, before, describe } from 'node:test';
import { it } from '../support/faults/fault-report.ts';
import type { FaultLab } from '../support/faults/faults.ts';
import {
  openOuterTemporalLab,
  temporalAway,
  type OuterTemporal,
} from '../support/faults/temporal-faults.ts';

// In its own file, because it waits and others run beside it.

const TEN_MINUTES_MS = 10 * 60_000;

describe('a Temporal that somebody else keeps and does not mend soon', () => {
  let lab: FaultLab;
  let temporal: OuterTemporal;
  before(async () => {
    ({ lab, temporal } = await openOuterTemporalLab());
  });
  after(() => lab.close());

  it('is away for ten minutes from mid-script on: the job goes on, and ends as ever', () =>
    lab.run({
      ...{ moment: 'script', goesOn: true, resends: 3, limitMs: 180_000 },
      fault: temporalAway(() => temporal, { durationMs: TEN_MINUTES_MS, saidMeanwhile: /line 9/ }),
    }));
});
