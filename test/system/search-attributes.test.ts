import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { Connection } from '@temporalio/client';
import { openInstallation, type Installation } from '../support/installation.ts';
import { NO_GIT } from '../support/scenario.ts';

interface ReadyLine {
  readonly temporal: string;
  readonly namespace: string;
}

/** As the fake GitLab has it. */
const PROJECT = 'group/project';

async function connect(installation: Installation): Promise<[Connection, string]> {
  const ready = JSON.parse(await installation.runner.whenLog(/"msg":"ready"/)) as ReadyLine;
  return [await Connection.connect({ address: ready.temporal }), ready.namespace];
}

/** Visibility is a moment behind. Returns the ids that the query finds. */
async function find(
  [{ workflowService }, namespace]: [Connection, string],
  query: string,
): Promise<readonly string[]> {
  for (let triesLeft = 50; ; triesLeft -= 1) {
    const { executions } = await workflowService.listWorkflowExecutions({ namespace, query });
    if (executions.length > 0 || triesLeft === 0) {
      return executions.map(({ execution }) => execution?.workflowId ?? '');
    }
    await delay(100);
  }
}

describe('builds in the list of the Temporal UI', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({});
    await installation.start();
    await installation.runner.whenLog(/search attributes registered in Temporal/);
  });
  after(() => installation.close());

  it('are found by project, result, failure reason and stage', async () => {
    const job = installation.gitlab.addJob({ script: ['exit 3'], variables: [NO_GIT] });
    await job.whenFinished();
    const temporal = await connect(installation);
    const found = await find(temporal, `Result = 'failed' AND Project = '${PROJECT}'`);
    assert.ok(found[0]?.endsWith(`/${job.id}`), found.join(', '));
    const query = `JobId = ${job.id} AND FailureReason = 'script_failure' AND Stage = 'step_script'`;
    assert.deepEqual(await find(temporal, `${query} AND ExecutionStatus = 'Failed'`), found);
    await temporal[0].close();
  });
});
