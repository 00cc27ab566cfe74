import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, afterEach, before, beforeEach, describe } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { whenReady } from '../support/runner-process.ts';
import { it } from '../support/faults/fault-report.ts';
import type { Installation } from '../support/installation.ts';
import { makeOtherBuild } from '../support/other-build.ts';
import { COUNTED, openOwnPlace, tryFault, type OwnPlace } from '../support/faults/own-trials.ts';
import { LATER_RELEASE, NEXT_RELEASE } from '../support/faults/releases.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const { EventType, WorkflowExecutionStatus, WorkflowTaskFailedCause } = proto.temporal.api.enums.v1;

const JOBS = 5;

interface Found {
  readonly workflowId: string;
  readonly runId: string;
  readonly isRunning: boolean;
}

async function hasRunners(client: Client): Promise<boolean> {
  const found = await listWorkflows(client);
  return found.some(({ isRunning, workflowId }) => isRunning && !workflowId.startsWith('build/'));
}

/** Returns the workflows without their memos, which are encrypted. */
async function listWorkflows(client: Client): Promise<readonly Found[]> {
  const { executions } = await client.workflowService.listWorkflowExecutions({
    namespace: 'default',
  });
  return executions.map(({ execution, status }) => ({
    workflowId: execution?.workflowId ?? '',
    runId: execution?.runId ?? '',
    isRunning: status === WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING,
  }));
}

describe('jobs that run while the program is replaced', () => {
  let place: OwnPlace;
  let installation: Installation;
  let witness: string;
  const clis = { next: '', later: '' };
  before(async () => {
    place = await openOwnPlace({
      concurrent: JOBS,
      runnerToml: `  request_concurrency = ${JOBS}`,
      gitlab: { traceUpdateIntervalSeconds: 1 },
    });
    ({ installation, witness } = place);
    clis.next = await makeOtherBuild(join(installation.directory, 'next'), NEXT_RELEASE);
    clis.later = await makeOtherBuild(join(installation.directory, 'later'), LATER_RELEASE);
  });
  beforeEach(() => installation.start());
  afterEach(() => installation.runner.end('SIGTERM'));
  after(() => place.close());

  /** Adds jobs. Each waits in its script until the test lets it continue. */
  const addJobs = (count: number): readonly FakeJob[] =>
    Array.from({ length: count }, () =>
      installation.gitlab.addJob({
        script: [
          COUNTED,
          'echo begun',
          'until [ -e "/witness/$CI_JOB_ID.go" ]; do sleep 0.1; done',
          'echo let go',
        ],
        afterScript: ['echo after'],
        variables: [NO_GIT],
      }),
    );
  const letGo = ({ id }: FakeJob): Promise<void> => writeFile(join(witness, `${id}.go`), '');

  const finish = async (jobs: readonly FakeJob[], fault: string): Promise<void> => {
    await tryFault(place, { fault, moment: 'script' }, async ({ watch, mended }) => {
      mended();
      for (const job of jobs) watch(job, ['begun', 'let go', 'after']);
      await Promise.all(jobs.map(letGo));
      await Promise.all(jobs.map((job) => job.whenFinished(120_000)));
      for (const job of jobs) {
        const text = await readFile(join(witness, `${job.id}.script`), 'utf8');
        const said = job.log.split('\n').filter((line) => /^(begun|let go|after)$/.test(line));
        assertJob(job, { state: 'success', log: ['begun', 'let go', 'after', 'Job succeeded'] });
        assert.deepEqual(said, ['begun', 'let go', 'after'], 'each once');
        assert.equal(text, 'run\n');
      }
      await installation.whenClean(60_000);
      assert.deepEqual(installation.gitlab.violations, []);
    });
  };

  const withTemporal = async <T>(act: (client: Client) => Promise<T>): Promise<T> => {
    const { temporal: address } = await whenReady(installation.runner);
    const connection = await Connection.connect({ address });
    try {
      return await act(new Client({ connection }));
    } finally {
      await connection.close();
    }
  };

  /** Checks that no workflow task has failed, and whether new code has run. */
  const assertReplayed = (jobs: readonly FakeJob[], isPatched: boolean): Promise<void> =>
    withTemporal(async (client) => {
      const patched: boolean[] = [];
      for (const { workflowId, runId } of await listWorkflows(client)) {
        const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        const faults = (events ?? []).filter(
          ({ eventType, workflowTaskFailedEventAttributes: failed }) =>
            eventType === EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED &&
            failed?.cause !== WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
        );
        const reasons = faults.map((event) => event.workflowTaskFailedEventAttributes?.failure);
        assert.deepEqual(reasons, [], `${workflowId} could not go on`);
        if (!jobs.some(({ id }) => workflowId.endsWith(`/${id}`))) continue;
        patched.push(
          (events ?? []).some(
            ({ markerRecordedEventAttributes: marker }) => marker?.markerName === 'core_patch',
          ),
        );
      }
      assert.deepEqual(
        patched,
        jobs.map(() => isPatched),
      );
    });

  const replaceBy = async (signal: 'SIGTERM' | 'SIGKILL', cli?: string): Promise<void> => {
    await installation.runner.end(signal);
    await installation.start({}, cli);
  };

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`end under the next release after ${signal}, and new ones begin there`, async () => {
      const jobs = addJobs(JOBS - 1);
      await Promise.all(jobs.map((job) => job.whenLog(/^begun$/m)));
      await replaceBy(signal, clis.next);
      const [later] = addJobs(1);
      assert.ok(later !== undefined);
      await later.whenLog(/^begun$/m);
      await finish([...jobs, later], `upgrade by ${signal}`);
      await installation.runner.whenLog(/stage of the next release/);
      await assertReplayed([...jobs, later], true);
    });
  }

  it('end under the old release after the upgrade was reverted', async () => {
    const jobs = addJobs(JOBS);
    await Promise.all(jobs.map((job) => job.whenLog(/^begun$/m)));
    await replaceBy('SIGTERM', clis.next);
    await replaceBy('SIGKILL');
    await finish(jobs, 'upgrade and back');
    await assertReplayed(jobs, false);
  });

  it('begin under the old release after a later one was drained and told to stop its runners', async () => {
    await replaceBy('SIGTERM', clis.later);
    const jobs = addJobs(2);
    await Promise.all(jobs.map((job) => job.whenLog(/^begun$/m)));
    await finish(jobs, 'drained for a downgrade');
    await withTemporal(async (client) => {
      const { workflowId } =
        (await listWorkflows(client)).find((each) => each.workflowId.startsWith('feed-runners/')) ??
        assert.fail('feedRunners is not there');
      await client.workflow.getHandle(workflowId).signal('stop');
      // The runners stay until a request of an earlier process is known to be lost.
      for (const endMs = performance.now() + 60_000; await hasRunners(client); await delay(200)) {
        assert.ok(performance.now() < endMs, 'the runners do not end');
      }
    });
    assert.equal(await installation.runner.end('SIGQUIT', 60_000), 0);
    await installation.start();
    const after = addJobs(2);
    await finish(after, 'downgrade when drained');
    await assertReplayed(after, false);
  });
});
