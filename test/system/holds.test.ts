import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { runCommand } from '../support/command.ts';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { NO_GIT } from '../support/scenario.ts';
import { jobWith } from '../support/upload-jobs.ts';
import { gate } from '../support/gate.ts';

const execute = promisify(execFile);

describe('a job that a person holds', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({ concurrent: 2 });
    await installation.start();
  });
  after(() => installation.close());

  const command = (...args: string[]) =>
    runCommand(installation, args, { SUDO_USER: '', USER: 'alice' });
  /** Returns the stage of a job that `jobs` prints. */
  const stageOf = async (id: number): Promise<string | undefined> => {
    const { stdout } = await command('jobs');
    return new RegExp(`^${id} +(\\S+) `, 'm').exec(stdout)?.[1];
  };
  const whenStage = async (id: number, stage: string): Promise<void> => {
    while ((await stageOf(id)) !== stage) await delay(200);
  };
  const containers = async (): Promise<readonly string[]> =>
    (await installation.leftovers()).filter((left) => left.startsWith('container'));

  it('keeps its containers after kill -9 until `release`, while GitLab has the result', async () => {
    const script = ['echo begun', 'until [ -e /tmp/go ]; do sleep 0.1; done', 'exit 3'];
    const job = installation.gitlab.addJob({ script, variables: [NO_GIT] });
    await job.whenLog(/^begun$/m);
    const { stderr } = await command('hold', `${job.id}`, '30m', '--on-failure');
    assert.match(stderr, /Job: the containers are kept after the job/);
    const held = await containers();
    await execute('docker', ['exec', buildOf(held), 'touch', '/tmp/go']);
    assert.equal(await job.whenFinished(), 'failed');
    assert.equal(job.exitCode, 3);
    assert.match(
      job.log,
      /^Hold by alice at [\d:]+ UTC: the containers are kept for 30m0s after the job, if it fails$/m,
    );
    assert.match(job.log, /^The containers are kept until [\d:]+ UTC, or until `release`$/m);
    await whenStage(job.id, 'hold');

    await installation.runner.end('SIGKILL');
    const next = await installation.start();
    await next.whenLog(/"msg":"build goes on"/);
    assert.deepEqual(await containers(), held);
    assert.equal(await stageOf(job.id), 'hold');
    await command('release', `${job.id}`);
    await installation.whenClean();
    assert.equal(job.handedOut, 1);
    assert.deepEqual(installation.gitlab.violations, []);
  });

  it('is released by the workflow when its time is over, also after kill -9 in the hold', async () => {
    const script = ['echo begun', 'until [ -e /tmp/go ]; do sleep 0.1; done'];
    const job = installation.gitlab.addJob({ script, variables: [NO_GIT] });
    await job.whenLog(/^begun$/m);
    await command('hold', `${job.id}`, '10s');
    const held = await containers();
    await execute('docker', ['exec', buildOf(held), 'touch', '/tmp/go']);
    assert.equal(await job.whenFinished(), 'success');
    await installation.runner.end('SIGKILL');
    assert.deepEqual(await containers(), held);
    await installation.start();
    await installation.whenClean(60_000);
  });

  it('stops before a stage, also after kill -9 of the worker, and continues on `release`', async () => {
    const { gitlab } = installation;
    const script = ['echo begun', 'until [ -e /tmp/go ]; do sleep 0.1; done'];
    const job = gitlab.addJob({ script, afterScript: ['echo tidied'], variables: [NO_GIT] });
    await job.whenLog(/^begun$/m);
    await command('hold', `${job.id}`, '--before', 'after_script');
    await execute('docker', ['exec', buildOf(await containers()), 'touch', '/tmp/go']);
    await job.whenLog(/^The job has stopped before after_script, until .* Its time-out goes on/m);
    await installation.runner.end('SIGKILL');
    await installation.start();
    await delay(1_000);
    assert.equal(job.state, 'running');
    await assert.rejects(
      command('hold', `${job.id}`, '--before', 'step_script'),
      /no stage "step_script" is to come, but: after_script/,
    );
    await command('release', `${job.id}`);
    assert.equal(await job.whenFinished(), 'success');
    assert.match(
      job.log,
      /^Release by alice at [\d:]+ UTC: the build goes on, it was held before /m,
    );
    assert.match(job.log, /^tidied$/m);
    await installation.whenClean();
    assert.equal(job.handedOut, 1);
  });

  /** Runs the command `shell` as alice with this input. The input stays open. */
  const openShell = (id: number, input: string) => {
    const running = command('shell', `${id}`);
    running.child.stdin?.write(input);
    return running;
  };

  it('opens a shell where it has stopped, which its log tells of, and continues without it', async () => {
    const script = [
      'echo kept > /tmp/mark; echo begun',
      'until [ -e /tmp/go ]; do sleep 0.1; done',
    ];
    const afterScript = ['cat /tmp/seen; echo tidied'];
    const job = installation.gitlab.addJob({ script, afterScript, variables: [NO_GIT] });
    await job.whenLog(/^begun$/m);
    await command('hold', `${job.id}`, '--before', 'after_script');
    await execute('docker', ['exec', buildOf(await containers()), 'touch', '/tmp/go']);
    await job.whenLog(/^The job has stopped before after_script/m);
    const input = 'echo "sum=$((40 + 2)) $(cat /tmp/mark)"; echo seen > /tmp/seen; exit\n';
    const { stdout } = await openShell(job.id, input);
    assert.equal(stdout, 'sum=42 kept\n');
    await job.whenLog(
      /^Shell by alice at [\d:]+ UTC: in container runner-\S+-build, until [\d:]+ UTC at the latest$/m,
    );
    await command('release', `${job.id}`);
    assert.equal(await job.whenFinished(), 'success');
    assert.match(job.log, /^seen\ntidied$/m);
    assert.equal(job.log.match(/^begun$/gm)?.length, 1);
    assert.doesNotMatch(job.log, /sum=42/);
    await installation.whenClean();
    assert.deepEqual(installation.gitlab.violations, []);
  });

  it('opens a shell after the job, also after kill -9, which ends with the hold', async () => {
    const script = [
      'echo kept > /tmp/mark; echo begun',
      'until [ -e /tmp/go ]; do sleep 0.1; done',
    ];
    const job = installation.gitlab.addJob({ script: [...script, 'exit 3'], variables: [NO_GIT] });
    await job.whenLog(/^begun$/m);
    await command('hold', `${job.id}`, '30m', '--on-failure');
    await execute('docker', ['exec', buildOf(await containers()), 'touch', '/tmp/go']);
    assert.equal(await job.whenFinished(), 'failed');
    const { log } = job;
    await whenStage(job.id, 'hold');
    const first = await openShell(job.id, 'cat /tmp/mark; exit\n');
    assert.equal(first.stdout, 'kept\n');
    await installation.runner.end('SIGKILL');
    await installation.start();
    const second = openShell(job.id, 'echo there; sleep 600\n');
    second.catch(() => undefined); // The promise is checked below.
    const isThere = new Promise((resolve) => {
      second.child.stdout?.on('data', (text) => {
        if (String(text).includes('there')) resolve(text);
      });
    });
    await Promise.race([isThere, second]);
    await command('release', `${job.id}`);
    await assert.rejects(second);
    await installation.whenClean();
    assert.equal(job.log, log, 'GitLab had the whole log before');
    const said = installation.runner.lines.join('\n');
    assert.match(said, /Shell by alice at [\d:]+ UTC: in container \S+-build, until/);
  });

  it('stops after a failure of get_sources, and gets them on `retry` when the cause is gone', async () => {
    const { gitlab } = installation;
    const { opened: hold, open: letGo } = gate();
    let requests = 0;
    // The first request waits until the hold exists. All later requests are refused.
    const refusing = gitlab.intercept(({ kind }) => {
      if (kind !== 'git') return undefined;
      requests += 1;
      return requests === 1 ? { hold } : { status: 403 };
    });
    const job = gitlab.addJob({ script: ['cat README.md'] });
    await job.whenLog(/^Getting source from Git repository$/m);
    await command('hold', `${job.id}`, '10m', '--failure-of', 'get_sources');
    letGo();
    await job.whenLog(/^The job has stopped after a failure of get_sources, until /m);
    assert.equal(job.state, 'running');
    refusing.remove();
    await command('retry', `${job.id}`);
    assert.equal(await job.whenFinished(), 'success');
    assert.match(
      job.log,
      /^Retry by alice at [\d:]+ UTC: the stage that has failed is tried again$/m,
    );
    await installation.whenClean();
  });

  it('stops after a failed upload, and sends what has not arrived on `retry`', async () => {
    const { gitlab } = installation;
    const refusing = gitlab.intercept(({ kind, jobId }) =>
      kind === 'upload' && jobId === job.id ? { status: 413, body: '{}' } : undefined,
    );
    const script = ['echo begun', 'echo hi > out.txt', 'until [ -e /tmp/go ]; do sleep 0.1; done'];
    const artifacts = [{ paths: ['out.txt'] }];
    const job: FakeJob = gitlab.addJob(jobWith({ script, artifacts }));
    await job.whenLog(/^begun$/m);
    await command('hold', `${job.id}`, '--failure-of', 'upload_artifacts_on_success');
    await execute('docker', ['exec', buildOf(await containers()), 'touch', '/tmp/go']);
    await job.whenLog(
      /^The job has stopped after a failure of upload_artifacts_on_success, until/m,
    );
    refusing.remove();
    await command('retry', `${job.id}`);
    assert.equal(await job.whenFinished(), 'success');
    assert.match(job.log, /^Retry by alice at .*\n(?:.*\n)*.*to coordinator\.\.\. 201 Created/m);
    assert.equal(job.log.match(/^begun$/gm)?.length, 1);
    assert.equal(job.artifacts.length, 1);
    await installation.whenClean();
  });

  it('refuses wrong commands with a reason', async () => {
    const job = installation.gitlab.addJob({
      script: ['echo begun', 'while :; do sleep 0.2; done'],
      variables: [NO_GIT],
    });
    await job.whenLog(/^begun$/m);
    const refusals: [args: string[], why: RegExp][] = [
      [['hold', `${job.id}`, '9h'], /a hold lasts at most 8h0m0s/],
      [['hold', `${job.id}`, 'soon'], /a time is written as "30m"/],
      [['hold', `${job.id}`, '--before', 'get_sources'], /no stage "get_sources" is to come/],
      [['release', `${job.id}`], /nothing of this build is held/],
      [['retry', `${job.id}`], /not held after a failed stage/],
      [['hold', '4711'], /no job "4711" runs/],
    ];
    for (const [args, why] of refusals) await assert.rejects(command(...args), why);
    await command('cancel', `${job.id}`);
    await job.whenFinished();
    await installation.whenClean();
  });
});

/** Returns the container that runs the script. A job that moves files also has a helper. */
function buildOf(containers: readonly string[]): string {
  return containers.flatMap((one) => /^container \/(\S+-build)$/.exec(one)?.[1] ?? [])[0] ?? '';
}
