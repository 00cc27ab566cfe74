import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { Connection } from '@temporalio/client';
import { runCommand } from '../support/command.ts';
import { removeDatabase, temporalPid } from '../support/faults/fault-kinds.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { whenReady } from '../support/runner-process.ts';
import { NO_GIT } from '../support/scenario.ts';

/** The project of the fake GitLab. */
const PROJECT = 'group/project';

async function connect(installation: Installation): Promise<[Connection, string]> {
  const ready = await whenReady(installation.runner);
  return [await Connection.connect({ address: ready.temporal }), ready.namespace];
}

/** Returns the ids that the query finds. Waits for them, because visibility lags behind. */
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

const REGISTERED = /search attributes registered in Temporal/;

describe('builds in the list of the Temporal UI', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({});
    await installation.start();
    await installation.runner.whenLog(REGISTERED);
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

describe('builds of a node that has seen Temporal lose its database', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({});
    await installation.start();
    await installation.runner.whenLog(REGISTERED);
  });
  after(() => installation.close());

  it('are begun, and found again', async () => {
    const { gitlab, runner } = installation;
    const script = ['echo begun', 'sleep 2'];
    const running = gitlab.addJob({ script, variables: [NO_GIT] });
    await running.whenLog(/^begun$/m);
    const since = runner.lines.length;
    removeDatabase(installation);
    process.kill(temporalPid(installation), 'SIGKILL');
    assert.equal(await running.whenFinished(120_000), 'success');
    await runner.whenLog(REGISTERED, 60_000, since);
    const next = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    assert.equal(await next.whenFinished(120_000), 'success');
    const temporal = await connect(installation);
    const [id = ''] = await find(temporal, `JobId = ${next.id} AND Result = 'success'`);
    assert.ok(id.endsWith(`/${next.id}`), id);
    await temporal[0].close();
    await installation.whenClean();
  });
});

describe('builds whose names are hashed', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({ env: { TEMPORAL_GITLAB_RUNNER_NAMES: 'hashed' } });
    await installation.start();
    await installation.runner.whenLog(REGISTERED);
  });
  after(() => installation.close());

  const hashOf = async (name: string): Promise<string> => {
    return (await runCommand(installation, ['names', 'hash', name])).stdout.trimEnd();
  };

  it('are found by what `names hash` prints, and by no name', async () => {
    const name = 'job-of-no-name-4711';
    const job = installation.gitlab.addJob({ name, script: ['true'], variables: [NO_GIT] });
    await job.whenFinished();
    const temporal = await connect(installation);
    const hashes = { Project: await hashOf(PROJECT), JobName: await hashOf(name) };
    const query = Object.entries(hashes).map(([key, hash]) => `${key} = '${hash}'`);
    const [id = ''] = await find(temporal, query.join(' AND '));
    assert.ok(id.endsWith(`/${job.id}`), id);
    const [{ workflowService }, namespace] = temporal;
    const execution = { workflowId: id };
    const described = await workflowService.describeWorkflowExecution({ namespace, execution });
    const payloads = [...JSON.stringify(described).matchAll(/"data":"([^"]*)"/g)];
    const shown = payloads.map(([, data = '']) => Buffer.from(data, 'base64').toString('latin1'));
    assert.ok(shown.includes(JSON.stringify(hashes.Project)));
    for (const hidden of [PROJECT, name, 'system-test-0']) {
      assert.ok(!shown.join('\n').includes(hidden), hidden);
    }
    await temporal[0].close();
  });
});
