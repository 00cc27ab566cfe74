import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { reportTrial } from '../support/fault-report.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { resetBuild } from '../support/people-faults.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';
import { startSecondNode, type SecondNode } from '../support/second-node.ts';

const ENV = { TEMPORAL_GITLAB_RUNNER_NODE_WAIT: '5s' };

describe('a build that is reset after its node was lost in the script', () => {
  let witness: string;
  let installation: Installation;
  let second: SecondNode | undefined;
  before(async () => {
    witness = await mkdtemp(join(tmpdir(), 'tgr-witness-'));
    installation = await openInstallation({
      ...{ concurrent: 2, gitlab: { traceUpdateIntervalSeconds: 1 } },
      dockerToml: `    volumes = ["${witness}:/witness"]\n`,
    });
    await installation.start(ENV);
  });
  after(async () => {
    await second?.close();
    await installation.close();
    await rm(witness, { recursive: true, force: true });
  });

  // Its new run knows of no script that was begun; the node that does know does not answer.
  it('is not run by another node', async () => {
    const job = installation.gitlab.addJob({
      changesNodes: true,
      script: ['echo run >> "/witness/runs"', 'echo in the script', 'sleep 600'],
      variables: [NO_GIT],
    });
    await job.whenLog(/in the script/);
    second = await startSecondNode(installation, ENV);
    const { mend } = resetBuild('its beginning');
    const { runner } = installation;
    await runner.end('SIGKILL');
    await mend?.({ installation, job, containers: NONE });
    const sinceMs = Date.now();
    await job.whenFinished(180_000);
    const recoveryMs = Date.now() - sinceMs;
    const runs = (await readFile(join(witness, 'runs'), 'utf8')).split('\n').length - 1;
    reportTrial({
      ...{ fault: 'node lost, then workflow reset', moment: 'script', isGood: runs === 1 },
      ...{ lostBytes: undefined, doubleRuns: runs - 1, leftovers: 0, recoveryMs },
    });
    assert.equal(runs, 1);
    assertJob(job, {
      ...{ state: 'failed', failureReason: 'runner_system_failure' },
      log: ['in the script', 'its script may have begun, so it is not run again'],
    });
    await installation.start(ENV);
    await second.whenBothClean();
  });
});

const NONE = { listen: () => () => undefined, countStarts: () => 0, close: () => undefined };
