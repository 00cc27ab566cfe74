import { after, before, describe } from 'node:test';
import { it } from '../support/faults/fault-report.ts';
import type { FaultLab } from '../support/faults/faults.ts';
import {
  openOuterTemporalLab,
  temporalAway,
  type OuterTemporal,
} from '../support/faults/temporal-faults.ts';

// This test mostly waits. It has its own file so that it can run beside the others.

const TEN_MINUTES_MS = 10 * 60_000;

describe('a Temporal of somebody else that is away for long', () => {
  let lab: FaultLab;
  let temporal: OuterTemporal;
  before(async () => {
    ({ lab, temporal } = await openOuterTemporalLab());
  });
  after(() => lab.close());

  it('is away for ten minutes during the script: the job continues, and ends as usual', () =>
    lab.run({
      ...{ moment: 'script', goesOn: true, resends: 3, limitMs: 180_000 },
      fault: temporalAway(() => temporal, { durationMs: TEN_MINUTES_MS, saidMeanwhile: /line 9/ }),
    }));
});
