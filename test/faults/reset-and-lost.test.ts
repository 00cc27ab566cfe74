import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { it } from '../support/faults/fault-report.ts';
import type { Installation } from '../support/installation.ts';
import {
  countRuns,
  COUNTED,
  openOwnPlace,
  tryFault,
  type OwnPlace,
} from '../support/faults/own-trials.ts';
import { resetBuild } from '../support/faults/people-faults.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';
import { startSecondNode, type SecondNode } from '../support/second-node.ts';

const ENV = { TEMPORAL_GITLAB_RUNNER_NODE_WAIT: '5s' };

describe('a build that is reset after its node was lost in the script', () => {
  let place: OwnPlace;
  let installation: Installation;
  let second: SecondNode | undefined;
  before(async () => {
    place = await openOwnPlace({ concurrent: 2, gitlab: { traceUpdateIntervalSeconds: 1 } });
    installation = place.installation;
    await installation.start(ENV);
  });
  after(async () => {
    await second?.close();
    await place.close();
  });

  // The workflow's new run does not know that the script has begun. The node that knows it does not
  // answer.
  it('is not run by another node', () => {
    const others = [{ leftovers: async () => (await second?.leftovers()) ?? [] }];
    const trial = { fault: 'node lost, then workflow reset', moment: 'script', others };
    return tryFault(place, trial, async ({ watch, mended }) => {
      const script = [COUNTED, 'echo in the script', 'sleep 600'];
      const spec = { changesNodes: true, script, variables: [NO_GIT] };
      const job = watch(installation.gitlab.addJob(spec), ['in the script']);
      await job.whenLog(/in the script/);
      second = await startSecondNode(installation, ENV);
      const { mend } = resetBuild('its beginning');
      const { runner } = installation;
      await runner.end('SIGKILL');
      await mend?.({ installation, job, containers: NONE });
      mended();
      await job.whenFinished(180_000);
      assert.equal(await countRuns(job, place.witness), 1);
      assertJob(job, {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['in the script', 'its script may have begun, so it is not run again'],
      });
      await installation.start(ENV);
      await second.whenBothClean();
    });
  });
});

const NONE = { listen: () => () => undefined, countStarts: () => 0, close: () => undefined };
