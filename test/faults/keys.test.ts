import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab, type Moment } from '../support/faults/faults.ts';
import {
  assertRefused,
  FILE_GONE,
  joinWithOtherKeys,
  keyRingFile,
  loseKeys,
  NEWEST_GONE,
  OTHER_BYTES,
  OTHER_KEY,
  readKeys,
  rotateKeys,
} from '../support/faults/key-faults.ts';
import {
  COUNTED,
  countRuns,
  openOwnPlace,
  tryFault,
  type OwnPlace,
} from '../support/faults/own-trials.ts';
import { NO_GIT } from '../support/scenario.ts';

const MOMENTS: readonly Moment[] = ['handed out', 'prepare', 'script', 'final update'];

describe('the keys of a node with a job', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const moment of MOMENTS) {
    it(`are gone from the moment "${moment}" on: it starts only with them, and continues`, () =>
      lab.run({ moment, fault: loseKeys(FILE_GONE), goesOn: true }));
  }
  it('are those of another node', () =>
    lab.run({ moment: 'script', fault: loseKeys(OTHER_KEY), goesOn: true }));
  it('have wrong contents under the right ids', () =>
    lab.run({ moment: 'script', fault: loseKeys(OTHER_BYTES), goesOn: true }));
  for (const moment of MOMENTS) {
    it(`are rotated at the moment "${moment}" with the old one kept: the job continues`, () =>
      lab.run({ moment, fault: rotateKeys() }));
  }
  it('are restored from before their rotation', () =>
    lab.run({ moment: 'script', fault: loseKeys(NEWEST_GONE), goesOn: true }));
});

describe('the keys of a node', () => {
  let place: OwnPlace;
  before(async () => {
    place = await openOwnPlace();
    await place.installation.start();
  });
  after(() => place.close());

  it('differ from those of a joining node: that node does not start, and harms no job', () =>
    tryFault(place, { fault: 'node with other keys joins', moment: 'script' }, async (trial) => {
      const { installation, witness } = place;
      const script = [COUNTED, 'echo begun', 'until [ -e /witness/go ]; do sleep 0.2; done'];
      const job = installation.gitlab.addJob({
        script: [...script, 'echo on we go'],
        variables: [NO_GIT],
      });
      trial.watch(job, ['begun', 'on we go']);
      await job.whenLog(/^begun$/m);
      const [key] = await readKeys(installation);
      const stranger = await joinWithOtherKeys(installation);
      assert.equal(await stranger.whenExit(60_000), 1);
      assert.match(stranger.lines.join('\n'), new RegExp(`feed-runners/.*${key?.id}`));
      trial.mended();
      await writeFile(join(witness, 'go'), '');
      assert.equal(await job.whenFinished(), 'success', job.log);
      assert.equal(await countRuns(job, witness), 1);
      await installation.whenClean();
    }));

  it('are gone: it starts with new ones only when Temporal has nothing encrypted with the old', () =>
    tryFault(place, { fault: 'keys lost for good', moment: 'no job' }, async (trial) => {
      const { installation } = place;
      await installation.runner.end('SIGTERM');
      const [key] = await readKeys(installation);
      await rm(keyRingFile(installation));
      await assertRefused(installation, key?.id ?? '');
      await assert.rejects(readKeys(installation), { code: 'ENOENT' });
      await rm(join(installation.stateDir, 'temporal'), { recursive: true });
      await installation.start();
      trial.mended();
      const script = [COUNTED, 'echo on we go'];
      const job = installation.gitlab.addJob({ script, variables: [NO_GIT] });
      trial.watch(job, ['on we go']);
      assert.equal(await job.whenFinished(), 'success', job.log);
      await installation.whenClean();
    }));
});
