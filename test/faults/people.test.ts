import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Fault } from '../support/faults.ts';
import { killWorker } from '../support/fault-kinds.ts';
import { openFaultLab, type FaultLab } from '../support/faults.ts';
import {
  deleteBuild,
  feederId,
  resetBuild,
  serverIds,
  signals,
  terminate,
} from '../support/people-faults.ts';
import type { Installation } from '../support/installation.ts';

const run = promisify(execFile);

/** By the workflow's own id, as a person does it in the Temporal UI. */
async function temporal(installation: Installation, jobId: number, verb: string): Promise<void> {
  const record = join(installation.stateDir, 'temporal', 'server.json');
  const { port } = JSON.parse(await readFile(record, 'utf8')) as { readonly port: number };
  const workflowId = `build/${new URL(installation.gitlab.url).host}/${jobId}`;
  const address = ['--address', `127.0.0.1:${port}`];
  const binary = process.env['TEMPORAL_CLI_PATH'] ?? 'temporal';
  await run(binary, ['workflow', verb, '--workflow-id', workflowId, ...address]);
}

function askTemporal(verb: string): Fault {
  return {
    name: `workflow ${verb} by a person`,
    strike: () => undefined,
    mend: ({ installation, job }) => temporal(installation, job.id, verb),
  };
}

describe('what people do to a build', () => {
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

  it('cancels its workflow: the job ends in good order', () =>
    lab.run({
      ...{ moment: 'script', isHeld: true, fault: askTemporal('cancel') },
      expected: {
        ...{ state: 'failed', failureReason: 'unknown_failure' },
        log: ['line 5', 'after with canceled'],
      },
    }));

  it('terminates its workflow: GitLab is told, with the trace as far as it came', () =>
    lab.run({
      ...{ moment: 'script', isHeld: true, fault: askTemporal('terminate') },
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['line 5'],
      },
      runs: { script: 1, afterScript: 0 },
    }));

  for (const point of ['its beginning', 'before its script', 'its last step'] as const) {
    it(`resets its workflow in mid-script to ${point}: the script is not run again`, () =>
      lab.run({ moment: 'script', fault: resetBuild(point) }));
  }
  for (const moment of ['prepare', 'artifact upload', 'final update'] as const) {
    it(`resets its workflow to its beginning at the moment "${moment}": nothing is run again`, () =>
      lab.run({ moment, fault: resetBuild('its beginning') }));
  }

  it('deletes its workflow: GitLab is told, with the trace as far as it came', () =>
    lab.run({ moment: 'script', fault: deleteBuild() }));

  it('terminates what asks GitLab for jobs: it comes back by itself', () =>
    lab.run({ moment: 'script', fault: terminate('serveRunner', serverIds) }));
  it('terminates what starts the runners: it comes back by itself', () =>
    lab.run({
      moment: 'script',
      fault: terminate('feedRunners', async (installation) => [await feederId(installation)]),
    }));

  it('finds new jobs taken within five seconds after GitLab was away', async () => {
    const { gitlab } = lab.installation;
    const outage = gitlab.intercept(() => ({ status: 503 }));
    await new Promise((resolve) => setTimeout(resolve, 20_000)); // the outage itself
    outage.remove();
    const job = gitlab.addJob({ script: ['true'] });
    await job.whenState(['running'], 5_000);
    await job.whenFinished();
    await lab.installation.whenClean();
    assert.deepEqual(gitlab.violations, []);
  });
});
