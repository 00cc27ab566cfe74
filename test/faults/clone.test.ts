import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { cloneNode } from '../support/faults/clone-faults.ts';
import { killWorker } from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab } from '../support/faults/faults.ts';

describe('a node whose machine is cloned', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  it('during the script continues its job; the clone says why it does not work', () =>
    lab.run({ moment: 'script', fault: cloneNode(), limitMs: 200_000 }));

  it('starts again at once after it was killed: its earlier process is no clone', async () => {
    await lab.run({ moment: 'script', fault: killWorker() });
    const { lines } = lab.installation.runner;
    assert.equal(
      lines.filter((line) => line.includes('has served this node a moment ago')).length,
      0,
    );
  });
});
