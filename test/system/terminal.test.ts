import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { findLoopbackAddress } from '../../src/adapters/metrics/temporal-metrics.ts';
import { CLI } from '../support/command.ts';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { finish, openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';
import { openWorkhorseTerminal, refusedTerminal, type KnownSession } from '../support/workhorse.ts';

/**
 * Ends the script after the terminal has closed, because the end of the shell does not end the
 * container.
 */
const GO_AFTER_EXIT = 'nohup sh -c "sleep 2; touch /tmp/go" >/dev/null 2>&1 & exit\n';

/** This script runs until a person ends it from the terminal. */
const UNTIL_TOLD = ['echo begun', 'until [ -e /tmp/go ]; do sleep 0.1; done'];

function sessionOf({ session }: FakeJob): KnownSession {
  assert.ok(session);
  return session;
}

describe('the web terminal of a job', () => {
  let installation: Installation;
  let address: string;
  before(async () => {
    installation = await openInstallation({ concurrent: 2 });
    address = await findLoopbackAddress();
    await configure(`listen_address = "${address}"`);
    await installation.start();
  });
  after(() => finish(installation));
  const configure = (lines: string): Promise<void> =>
    appendFile(installation.configPath, `\n[session_server]\n  ${lines}\n`);
  const begin = async (...script: string[]): Promise<FakeJob> => {
    const job = installation.gitlab.addJob({
      script: [...UNTIL_TOLD, ...script],
      variables: [NO_GIT, { key: 'SECRET', value: 'canary-9182', masked: true }],
    });
    await job.whenLog(/^begun$/m);
    return job;
  };

  it('is a shell beside the script: Workhorse writes and reads, and the job waits for its end', async () => {
    const job = await begin('exit 3');
    const session = sessionOf(job);
    assert.ok(session.url.startsWith(`https://${address}/session/`));
    const terminal = await openWorkhorseTerminal(session);
    terminal.type('echo "sum=$((40 + 2)) in $PWD for $CI_JOB_ID"; tty\n');
    await terminal.until(new RegExp(`sum=42 in /builds/\\S+ for ${job.id}`));
    await terminal.until(/\/dev\/pts\/\d/);
    terminal.type('stty rows 47 columns 133; stty size\n');
    await terminal.until(/47 133/);
    assert.equal((await refusedTerminal(session)).status, 423);

    terminal.type('echo left > /tmp/mark; touch /tmp/go\n');
    await job.whenLog(/^Terminal is connected, will time out in 30m0s\.\.\.$/m, 20_000);
    await terminal.until(/The container has ended/);
    assert.equal(job.state, 'running', 'GitLab waits with the runner');
    terminal.type('cat /tmp/mark; echo "again $((1 + 1))"\n');
    await terminal.until(/left\s[^]*again 2/);
    terminal.type('exit\n');
    assert.equal((await terminal.closed).code, 1000);
    await job.whenFinished();
    assertJob(job, {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 3 },
      log: ['Terminal is connected', 'Terminal disconnected', 'ERROR: Job failed: exit code 3'],
    });
    await installation.whenClean();
    assert.equal((await refusedTerminal(session)).status, 404, 'the session ends with its build');
  });

  it('can be used by the operator of the node with `shell`, also with input from a pipe', async () => {
    const job = await begin();
    const shell = async (id: number, input: string) => {
      const args = [CLI, 'shell', `${id}`, '--config', installation.configPath];
      const child = spawn(process.execPath, args);
      const said = { stdout: '', stderr: '' };
      child.stdout.on('data', (bytes: Buffer) => (said.stdout += bytes.toString()));
      child.stderr.on('data', (bytes: Buffer) => (said.stderr += bytes.toString()));
      child.stdin.on('error', () => undefined); // A refused `shell` does not read its input.
      child.stdin.end(input);
      const [code] = (await once(child, 'close')) as [number];
      return { code, ...said };
    };
    const script = 'echo "sum=$((40 + 2)) for $CI_JOB_ID"; touch /tmp/seen; exit 5\n';
    const first = await shell(job.id, script);
    assert.deepEqual([first.code, first.stdout], [5, `sum=42 for ${job.id}\n`], first.stderr);
    const none = await shell(4711, '');
    assert.equal(none.code, 1);
    assert.match(none.stderr, /no job "4711" runs/);
    await shell(job.id, 'ls /tmp/seen && touch /tmp/go; sleep 30\n');
    await job.whenFinished();
    assertJob(job, { state: 'success', never: ['canary-9182', 'sum=42'] });
    const told = job.log.match(
      /^Shell by \S+ at [\d:]+ UTC: in container runner-\S+-build, until its stage ends$/gm,
    );
    assert.equal(told?.length, 2, job.log);
  });

  it('refuses requests without its token, and reveals nothing', async () => {
    const [job, other] = await Promise.all([begin(), begin()]);
    const session = sessionOf(job);
    const stranger = { ...session, authorization: sessionOf(other).authorization };
    assert.deepEqual(await refusedTerminal(stranger), { status: 401, body: 'Unauthorized\n' });
    const unknown = session.url.replace(/[0-9a-f]{64}$/, '0'.repeat(64));
    assert.deepEqual(await refusedTerminal({ ...session, url: unknown }), {
      ...{ status: 404, body: 'Not Found\n' },
    });
    for (const { session: known } of [job, other]) {
      const terminal = await openWorkhorseTerminal(known as KnownSession);
      terminal.type(GO_AFTER_EXIT);
      await terminal.closed;
    }
    await Promise.all([job.whenFinished(), other.whenFinished()]);
    assertJob(job, { state: 'success', never: ['Terminal is connected'] });
  });

  it('opens with the same token and certificate after kill -9 of the worker', async () => {
    const job = await begin('echo "after the terminal"');
    const session = sessionOf(job);
    const before = await openWorkhorseTerminal(session);
    before.type('echo first > /tmp/seen; echo written\n');
    await before.until(/written\s[^]*written/);
    await installation.runner.end('SIGKILL');
    await before.closed;
    await installation.start();
    const terminal = await openWorkhorseTerminal(session);
    terminal.type('cat /tmp/seen\n');
    await terminal.until(/first\s/);
    terminal.type(GO_AFTER_EXIT);
    await terminal.closed;
    await job.whenFinished();
    assertJob(job, { state: 'success', log: ['after the terminal', 'Job succeeded'] });
    assert.equal(job.handedOut, 1);
  });

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`holds an ended job also after ${signal} of the worker, and a person may connect again`, async () => {
      const job = await begin();
      const session = sessionOf(job);
      const before = await openWorkhorseTerminal(session);
      before.type('touch /tmp/go\n');
      await job.whenLog(/^Terminal is connected/m, 20_000);
      await before.until(/container has ended[^]*[#$] /);
      await installation.runner.end(signal);
      await installation.start();
      const terminal = await openWorkhorseTerminal(session);
      terminal.type('echo "back $((6 * 7))"\n');
      await terminal.until(/back 42/);
      assert.equal(job.state, 'running');
      terminal.type('exit\n');
      await job.whenFinished();
      assertJob(job, { state: 'success', log: ['Terminal disconnected', 'Job succeeded'] });
      assert.equal(job.log.match(/Terminal is connected/g)?.length, 1);
    });
  }

  it('does not hold a canceled job, even with a person connected', async () => {
    const job = await begin();
    const terminal = await openWorkhorseTerminal(sessionOf(job));
    terminal.type('touch /tmp/go\n');
    await job.whenLog(/^Terminal is connected/m, 20_000);
    job.cancel();
    assert.equal((await terminal.closed).code, 1000);
    await job.whenFinished();
    assert.equal(job.state, 'canceled');
  });

  it('holds an ended job no longer than session_timeout says', async () => {
    await configureTimeout(4);
    const job = await begin();
    const terminal = await openWorkhorseTerminal(sessionOf(job));
    terminal.type('touch /tmp/go\n');
    await terminal.closed;
    assert.match(terminal.shown(), /terminal session timed out/);
    await job.whenFinished();
    assertJob(job, {
      state: 'success',
      log: [
        'Terminal is connected, will time out in 4s...',
        'terminal session timed out (maximum time allowed - 4s)',
        'Job succeeded',
      ],
    });
  });
  const configureTimeout = async (seconds: number): Promise<void> => {
    await appendFile(installation.configPath, `  session_timeout = ${seconds}\n`);
    await installation.runner.whenLog(/session_timeout/);
  };

  it('writes no secret to the log of the node', () => {
    assert.doesNotMatch(installation.runner.lines.join('\n'), /canary-9182|[0-9a-f]{64}/);
  });
});
