import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { BuildStatus } from '../../src/workflows/messages.ts';
import { buildId, inTemporal, serverIds } from '../support/faults/people-faults.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { NO_GIT } from '../support/scenario.ts';

describe('a person who queries what a live build and its runner wait for', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({ gitlab: { traceUpdateIntervalSeconds: 1 } });
    await installation.start();
  });
  after(() => installation.close());

  // Sends queries without the node's key, as the UI does.
  const ask = <T>(workflowId: string): Promise<T> =>
    inTemporal(installation, (client) => client.workflow.getHandle(workflowId).query<T>('status'));
  const whenAnswered = async <T>(id: string, isWanted: (answer: T) => boolean): Promise<T> => {
    for (;;) {
      const answer = await ask<T>(id);
      if (isWanted(answer)) return answer;
      await delay(200);
    }
  };

  it('reads that the build waits for GitLab, since when and with which answer, until GitLab is back', async () => {
    const { gitlab } = installation;
    const script = ['while :; do echo again; sleep 0.3; done'];
    const job = gitlab.addJob({ script, variables: [NO_GIT] });
    await job.whenLog(/^again$/m);
    const id = buildId(installation, job);
    assert.deepEqual(await ask<BuildStatus>(id), { stage: 'step_script' });
    const awaySinceMs = Date.now();
    const away = gitlab.intercept(({ jobId }) => (jobId === job.id ? { status: 503 } : undefined));
    const { waitsFor, since } = await whenAnswered<BuildStatus>(
      id,
      (answer) => answer.waitsFor !== undefined,
    );
    assert.equal(waitsFor, 'GitLab, 503');
    assert.ok(Date.parse(since ?? '') >= awaySinceMs && Date.parse(since ?? '') <= Date.now());
    away.remove();
    await whenAnswered<BuildStatus>(id, (answer) => answer.waitsFor === undefined);
    job.cancel();
    await job.whenFinished();
    await installation.whenClean();
  });

  it('reads whether the runner requests jobs, how often, and what GitLab answered', async () => {
    const [server = ''] = await serverIds(installation);
    const { asks, requestsOpen, builds } = await ask<Record<string, unknown>>(server);
    assert.deepEqual([asks, builds], [true, 0]);
    assert.ok(Number(requestsOpen) <= 1);
  });
});
