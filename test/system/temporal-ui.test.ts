import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Locator } from 'playwright-core';
import { browserSkip, openBrowser } from '../support/browser/chromium.ts';
import {
  openTemporalUi,
  type TemporalUi,
  type WorkflowPage,
} from '../support/browser/temporal-ui.ts';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { NO_GIT } from '../support/scenario.ts';
import { readCodecEndpointOf } from '../support/temporal/run-temporal.ts';

const BUILDS = 'WorkflowType="runBuild"';
const ENDLESS = {
  script: ['echo begun', 'while :; do sleep 0.2; done'],
  afterScript: ['echo tidied'],
  variables: [NO_GIT],
};

/** Waits until an element has a text. */
async function whenText(locator: Locator, text: RegExp): Promise<void> {
  await locator.filter({ hasText: text }).first().waitFor();
}

describe('a person who opens the Temporal UI in a browser', { skip: browserSkip() }, () => {
  let installation: Installation;
  let browser: Browser;
  let ui: TemporalUi;
  let good: FakeJob;
  let broken: FakeJob;
  before(async () => {
    installation = await openInstallation({ concurrent: 4 });
    const { gitlab } = installation;
    [, browser] = await Promise.all([installation.start(), openBrowser()]);
    await installation.runner.whenLog(/search attributes registered in Temporal/);
    const codecEndpoint = await readCodecEndpointOf(installation);
    ui = await openTemporalUi(browser, installation.runner, { codecEndpoint });
    good = gitlab.addJob({ name: 'good', script: ['true'], variables: [NO_GIT] });
    broken = gitlab.addJob({ name: 'rspec', script: ['exit 3'], variables: [NO_GIT] });
    await Promise.all([good.whenFinished(), broken.whenFinished()]);
  });
  after(async () => {
    await browser?.close();
    await installation?.close();
  });

  describe('the page of a build that has failed', () => {
    let build: WorkflowPage;
    before(async () => {
      build = await (await ui.openList(BUILDS)).open(`/${broken.id}`);
    });

    it('says why: status, reason, exit code and stage', async () => {
      // A workflow ends a moment after GitLab has got the result.
      await whenText(build.status, /^\s*Failed\s*$/);
      await whenText(build.result, /script_failure, exit code 3 in step_script/);
    });

    it('shows the input decoded without any setting of a codec server', async () => {
      await whenText(build.input, /"projectPath": "group\/project"/);
      await whenText(build.input, /"jobName": "rspec"/);
    });

    it('names project, job and ref, leads to GitLab, and has a table of stages', async () => {
      const { summary, details, currentDetails } = await build.openDetails();
      const names = new RegExp(`^group/project · rspec #${broken.id} · main$`);
      await whenText(summary.locator('p'), names);
      const link = details.getByRole('link', { name: `job #${broken.id} in GitLab` });
      assert.match((await link.getAttribute('href')) ?? '', new RegExp(`/-/jobs/${broken.id}$`));
      const row = currentDetails.getByRole('row').filter({ hasText: 'step_script' });
      await row.waitFor();
      const cells = await row.getByRole('cell').allTextContents();
      const apart = cells.slice(0, -1).every((cell) => cell.endsWith('\u00a0\u00a0\u00a0'));
      assert.ok(apart, 'the columns do not touch');
      const [stage, state, time, ...rest] = cells.map((cell) => cell.trim());
      assert.deepEqual([stage, state], ['step_script', 'script_failed']);
      assert.match(time ?? '', /^\d+\.\d s$/);
      assert.deepEqual(rest, ['3', '1'], 'exit code and try');
    });

    it('answers the queries `status` and `stages` in the clear', async () => {
      const answer = await build.askQuery('status');
      await whenText(answer, /"why": "script_failure, exit code 3 in step_script"/);
      await whenText(await build.askQuery('stages'), /"name": "prepare_executor"/);
    });
  });

  it('shows failed and good builds with their status, and finds them by it', async () => {
    const list = await ui.openList(BUILDS);
    await whenText(list.row(`/${broken.id}`), /Failed/);
    await whenText(list.row(`/${good.id}`), /Completed/);
    const failed = await ui.openList(`${BUILDS} AND ExecutionStatus="Failed"`);
    await failed.row(`/${broken.id}`).waitFor();
    assert.equal(await failed.row(`/${good.id}`).count(), 0);
  });

  it('finds a failed build by its project', async () => {
    const list = await ui.openList('Result="failed" AND Project="group/project"');
    await whenText(list.row(`/${broken.id}`), /Failed/);
    assert.equal(await list.row(`/${good.id}`).count(), 0);
    const other = await ui.openList('Result="failed" AND Project="group/other"');
    await other.page
      .getByText(/No Workflows found/i)
      .first()
      .waitFor();
    assert.equal(await other.row(`/${broken.id}`).count(), 0);
  });

  it('watches a build that continues after kill -9, and ends it by the update `cancel`', async () => {
    const job = installation.gitlab.addJob({ ...ENDLESS, name: 'canceled' });
    await job.whenLog(/^begun$/m);
    const build = await (await ui.openList(BUILDS)).open(`/${job.id}`);
    await whenText(build.status, /^\s*Running\s*$/);
    await installation.runner.end('SIGKILL');
    await installation.start();
    await build.page.getByRole('button', { name: 'Event nodeRestarted: Signaled' }).waitFor();
    const { description, success } = await build.send('Update', 'cancel');
    assert.match(
      description,
      /Cancels the job like the button in GitLab; its after_script still runs/,
    );
    await success.waitFor();
    await whenText(build.status, /^\s*Canceled\s*$/);
    await job.whenFinished();
    assert.equal(job.handedOut, 1);
    assert.match(job.log, /^tidied$/m);
    assert.match(job.log, /Job failed: canceled/);
    const { currentDetails } = await build.openDetails();
    await whenText(currentDetails.getByRole('row'), /step_script\s*stopped/);
    await whenText(currentDetails.getByRole('row'), /after_script\s*succeeded/);
  });

  it('ends a build by the signal `cancel`', async () => {
    const job = installation.gitlab.addJob({ ...ENDLESS, name: 'signaled' });
    await job.whenLog(/^begun$/m);
    const build = await (await ui.openList(BUILDS)).open(`/${job.id}`);
    await build.send('Signal', 'cancel');
    await whenText(build.status, /^\s*Canceled\s*$/);
    await job.whenFinished();
    assert.match(job.log, /Job failed: canceled/);
  });

  it('holds and releases the containers of a build, and reads what it waits for', async () => {
    const job = installation.gitlab.addJob({ ...ENDLESS, name: 'held' });
    await job.whenLog(/^begun$/m);
    const build = await (await ui.openList(BUILDS)).open(`/${job.id}`);
    const { description, success } = await build.send('Update', 'hold', JSON.stringify('30m'));
    assert.match(description, /Keeps the containers after the job, for 1 h unless a time is given/);
    await success.waitFor();
    job.cancel();
    await job.whenFinished();
    assert.match(
      job.log,
      /^Hold by somebody in Temporal at [\d:]+ UTC: the containers are kept for/m,
    );
    await whenText(await build.askQuery('status'), /"waitsFor": "release or .* are kept"/);
    await build.send('Signal', 'release');
    await whenText(build.status, /^\s*Canceled\s*$/);
  });

  it('is told when a command is wrong, and pauses a runner by the right one', async () => {
    const list = await ui.openList('WorkflowType="feedRunners"');
    const fleet = await list.open('feed-runners/');
    const refused = await fleet.send('Update', 'pause', JSON.stringify('nobody'));
    await whenText(refused.form.getByRole('alert'), /name or key of a runner of this node/);
    await refused.form.getByRole('button', { name: 'Cancel' }).last().click();
    await refused.form.waitFor({ state: 'hidden' });
    const taken = await fleet.send('Update', 'pause', JSON.stringify('system-test-0'));
    await taken.success.waitFor();
    await installation.runner.whenLog(/"runner_name":"system-test-0".*"msg":"runner paused/);
  });
});
