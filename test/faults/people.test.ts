import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { promisify } from 'node:util';
import { it } from '../support/faults/fault-report.ts';
import type { Fault } from '../support/faults/faults.ts';
import { killWorker } from '../support/faults/fault-kinds.ts';
import { openFaultLab, type FaultLab } from '../support/faults/faults.ts';
import {
  buildId,
  deleteBuild,
  feederId,
  inTemporal,
  resetBuild,
  serverIds,
  signals,
  terminate,
  whenClosed,
  type Sender,
} from '../support/faults/people-faults.ts';
import type { FakeGitLab, FakeJob } from '../support/fake-gitlab/types.ts';
import type { Installation } from '../support/installation.ts';
import { COUNTED, tryFault } from '../support/faults/own-trials.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const run = promisify(execFile);

/** Runs a command of Temporal's program on the workflow of the job, as a person may do. */
async function temporal(installation: Installation, job: FakeJob, verb: string): Promise<void> {
  const record = join(installation.stateDir, 'temporal', 'server.json');
  const { port } = JSON.parse(await readFile(record, 'utf8')) as { readonly port: number };
  const workflowId = buildId(installation, job);
  const address = ['--address', `127.0.0.1:${port}`];
  const binary = process.env['TEMPORAL_CLI_PATH'] ?? 'temporal';
  await run(binary, ['workflow', verb, '--workflow-id', workflowId, ...address]);
}

function askTemporal(verb: string): Fault {
  return {
    name: `workflow ${verb} by a person`,
    strike: () => undefined,
    mend: ({ installation, job }) => temporal(installation, job, verb),
  };
}

const NOBODY = { listen: () => () => undefined, countStarts: () => 0, close: () => undefined };

/** Sends the messages that anybody with write access to the namespace can send while a job runs. */
const sendAll: Sender = async (workflow, { installation, job }) => {
  const build = workflow.getHandle(buildId(installation, job));
  const feeder = workflow.getHandle(await feederId(installation));
  const servers = (await serverIds(installation)).map((id) => workflow.getHandle(id));
  for (let times = 0; times < 3; times += 1) {
    await build.signal('nodeRestarted');
    await feeder.signal('resume');
    await feeder.signal('resumeRunner', 'system-test-0');
    await feeder.signal('reloadConfig');
  }
  for (const handle of [build, feeder, ...servers]) {
    for (const name of ['feed', 'buildBegun', 'buildEnded', 'reportHealth', 'pauseRunner', 'who']) {
      for (const input of [[], [null], [7], [{ a: { b: 1 } }]]) await handle.signal(name, ...input);
    }
  }
};

async function assertTakesJobs({ gitlab }: Installation): Promise<void> {
  const next = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
  assert.equal(await next.whenFinished(60_000), 'success', next.log);
}

function countCalls({ requests }: FakeGitLab, { id }: FakeJob): number {
  return requests.filter(({ path }) => path.includes(`/jobs/${id}`)).length;
}

describe('a person who acts on a build', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  it('cancels it in GitLab while the worker is being killed', () =>
    lab.run({
      moment: 'script',
      fault: {
        name: 'canceled and the worker killed',
        strike: ({ job, installation }) => {
          job.cancel();
          installation.runner.signal('SIGKILL');
        },
        mend: killWorker().mend ?? (() => Promise.resolve()),
      },
      isHeld: true,
      expected: { state: 'canceled', log: ['line 5', 'after with canceled'] },
    }));

  it('cancels its workflow: the job ends as canceled', () =>
    lab.run({
      ...{ moment: 'script', isHeld: true, fault: askTemporal('cancel') },
      expected: {
        ...{ state: 'failed', failureReason: 'unknown_failure' },
        log: ['line 5', 'after with canceled'],
      },
    }));

  it('terminates its workflow: GitLab is told, with the trace so far', () =>
    lab.run({
      ...{ moment: 'script', isHeld: true, fault: askTemporal('terminate') },
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['line 5'],
      },
      runs: { script: 1, afterScript: 0 },
    }));

  for (const point of ['its beginning', 'before its script', 'its last step'] as const) {
    it(`resets its workflow during the script to ${point}: the script does not run again`, () =>
      lab.run({ moment: 'script', fault: resetBuild(point) }));
  }
  for (const moment of ['prepare', 'artifact upload', 'final update'] as const) {
    it(`resets its workflow to its beginning at the moment "${moment}": nothing runs again`, () =>
      lab.run({ moment, fault: resetBuild('its beginning') }));
  }

  it('deletes its workflow: the node begins it again, and the job continues', () =>
    lab.run({ moment: 'script', fault: deleteBuild() }));

  it('terminates a runner’s workflow: the node starts it again', async () => {
    await lab.run({ moment: 'script', fault: terminate('serveRunner', serverIds) });
    await assertTakesJobs(lab.installation);
  });

  it('terminates all long-lived workflows: the node starts them again', async () => {
    const idsOf = async (installation: Installation): Promise<readonly string[]> => [
      await feederId(installation),
      ...(await serverIds(installation)),
    ];
    await lab.run({ moment: 'script', fault: terminate('feedRunners and serveRunner', idsOf) });
    await assertTakesJobs(lab.installation);
  });

  it('sends signals twice, out of order, and of unknown kinds: they change nothing', () =>
    lab.run({ moment: 'script', fault: signals('signals of all kinds', sendAll) }));

  it('signals and resets a build that has ended: nothing is reported or run again', () => {
    const { name: fault, mend } = resetBuild('its beginning');
    return tryFault(lab, { fault, moment: 'ended' }, async ({ watch, mended }) => {
      const { installation } = lab;
      const { gitlab } = installation;
      const script = [COUNTED, 'echo once'];
      const job = watch(gitlab.addJob({ script, variables: [NO_GIT] }), ['once']);
      await job.whenFinished();
      await installation.whenClean();
      const before = [job.trace.toString(), countCalls(gitlab, job)];
      await inTemporal(installation, async (client) => {
        const build = client.workflow.getHandle(buildId(installation, job));
        // The workflow ends only after the node has released the build.
        await whenClosed(client, build.workflowId);
        await assert.rejects(build.signal('cancelBuild'), /not found|already completed/i);
      });
      await mend?.({ installation, job, containers: NOBODY });
      mended();
      await assertTakesJobs(installation);
      assert.deepEqual([job.trace.toString(), countCalls(gitlab, job)], before);
      assertJob(job, { state: 'success' });
      await installation.whenClean();
    });
  });

  it('sees new jobs taken within five seconds after GitLab was away', () =>
    tryFault(lab, { fault: 'GitLab away for 20 s', moment: 'no job' }, async (observation) => {
      const { gitlab } = lab.installation;
      const outage = gitlab.intercept(() => ({ status: 503 }));
      await new Promise((resolve) => setTimeout(resolve, 20_000)); // The outage lasts this long.
      outage.remove();
      observation.mended();
      const job = observation.watch(gitlab.addJob({ script: [COUNTED, 'echo short'] }), ['short']);
      await job.whenState(['running'], 5_000);
      await job.whenFinished();
      await lab.installation.whenClean();
      assert.deepEqual(gitlab.violations, []);
    }));
});
