import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import type { JobSpec } from '../support/fake-gitlab/types.ts';
import { it } from '../support/faults/fault-report.ts';
import type { Installation } from '../support/installation.ts';
import { COUNTED, openOwnPlace, tryFault, type OwnPlace } from '../support/faults/own-trials.ts';
import { assertJob, assertTaken, NO_GIT } from '../support/scenario.ts';

const PROMPT_MS = 5_000;
const NEW_TOKEN = 'glrt-rotatedRotatedRotated';
const SHORT: JobSpec = { script: [COUNTED, 'echo short'], variables: [NO_GIT] };

/** The token is revoked or replaced while the runner requests jobs and runs one. */
describe('a runner that GitLab no longer knows', () => {
  let place: OwnPlace;
  let installation: Installation;
  before(async () => {
    place = await openOwnPlace({ concurrent: 3, checkInterval: 1, runners: 2 });
    installation = place.installation;
    await installation.start();
  });
  after(() => place.close());

  const tokens = (): readonly [lost: string, other: string] => {
    const [lost = '', other = ''] = installation.tokens;
    return [lost, other];
  };

  it('is named in the log and keeps its job, and the other runner continues', () =>
    tryFault(
      place,
      { fault: 'token of a runner taken away', moment: 'script' },
      async ({ watch, mended }) => {
        const [lost, other] = tokens();
        const { gitlab, runner } = installation;
        const script = [COUNTED, 'echo begun', 'sleep 6', 'echo end'];
        const spec = { script, variables: [NO_GIT], runnerToken: lost };
        const job = watch(gitlab.addJob(spec), ['begun', 'end']);
        await job.whenLog(/^begun$/m);
        gitlab.removeRunner(lost);
        mended();
        const line = await runner.whenLog(/"msg":"asking for a job was refused"/);
        assert.match(line, /"runner_name":"system-test-0"/);
        assert.match(line, /403/);
        await assertTaken(
          watch(gitlab.addJob({ ...SHORT, runnerToken: other }), ['short']),
          PROMPT_MS,
        );
        await job.whenFinished();
        assertJob(job, { state: 'success', log: ['begun', 'end', 'Job succeeded'] });
        assert.ok(!runner.lines.join('').includes(lost), 'the token is in no log');
        await installation.whenClean();
      },
    ));

  it('requests jobs again as soon as config.toml has its new token, without a restart', () =>
    tryFault(
      place,
      { fault: 'token of a runner taken away', moment: 'no job' },
      async ({ watch, mended }) => {
        const [lost] = tokens();
        const { gitlab, configPath, runner } = installation;
        const { pid } = runner;
        gitlab.addRunner({ token: NEW_TOKEN });
        const job = watch(gitlab.addJob({ ...SHORT, runnerToken: NEW_TOKEN }), ['short']);
        const toml = await readFile(configPath, 'utf8');
        await writeFile(configPath, toml.replace(lost, NEW_TOKEN), { mode: 0o600 });
        mended();
        await assertTaken(job, PROMPT_MS);
        assert.deepEqual([runner.pid, runner.hasExited], [pid, false]);
        await installation.whenClean();
        assert.deepEqual(gitlab.violations, []);
      },
    ));

  it('continues its job when its token is exchanged', () =>
    tryFault(
      place,
      { fault: 'token of a runner exchanged', moment: 'script' },
      async ({ watch, mended }) => {
        const { gitlab, configPath } = installation;
        const next = `${NEW_TOKEN}2`;
        const untilTold = 'until [ -e /witness/exchanged.go ]; do sleep 0.2; done';
        const script = [COUNTED, 'echo begun', untilTold, 'echo end'];
        const spec = { script, variables: [NO_GIT], runnerToken: NEW_TOKEN };
        const job = watch(gitlab.addJob(spec), ['begun', 'end']);
        await job.whenLog(/^begun$/m);
        gitlab.addRunner({ token: next });
        gitlab.removeRunner(NEW_TOKEN);
        const toml = await readFile(configPath, 'utf8');
        await writeFile(configPath, toml.replace(NEW_TOKEN, next), { mode: 0o600 });
        mended();
        await assertTaken(
          watch(gitlab.addJob({ ...SHORT, runnerToken: next }), ['short']),
          PROMPT_MS,
        );
        assert.equal(job.state, 'running');
        await writeFile(join(place.witness, 'exchanged.go'), '');
        await job.whenFinished();
        assertJob(job, { state: 'success', log: ['begun', 'end', 'Job succeeded'] });
        await installation.whenClean();
        assert.deepEqual(gitlab.violations, []);
      },
    ));
});
