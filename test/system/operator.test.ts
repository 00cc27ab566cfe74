import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter, on, once } from 'node:events';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, afterEach, before, describe, it } from 'node:test';
import proto from '@temporalio/proto';
import { runCommand } from '../support/command.ts';
import { feederId, inTemporal } from '../support/faults/people-faults.ts';
import { cleanLog } from '../support/fake-gitlab/cleaned-log.ts';
import type { FakeGitLab } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { startSecondNode } from '../support/second-node.ts';
import { startRunnerProcess, type RunnerProcess } from '../support/runner-process.ts';
import { NO_GIT } from '../support/scenario.ts';

/**
 * Waits until a program has written a text. Output that was written before the call does not count.
 */
async function whenSaid({ stdout }: ChildProcess, pattern: RegExp): Promise<void> {
  let text = '';
  for await (const [chunk] of on(stdout ?? new EventEmitter(), 'data')) {
    text += String(chunk);
    if (pattern.test(text)) return;
  }
}

interface StatusDocument {
  readonly isRunning: boolean;
  readonly slots: { readonly builds: number };
  readonly runners: readonly { readonly state: string }[];
}

/** The error with which `execFile` rejects. */
interface RefusedCommand {
  readonly code: number;
  readonly stdout: string;
}

const { WORKFLOW_EXECUTION_STATUS_RUNNING: RUNNING } =
  proto.temporal.api.enums.v1.WorkflowExecutionStatus;

function countRequests({ requests }: FakeGitLab): number {
  return requests.filter(({ path }) => path.endsWith('/jobs/request')).length;
}

describe('a person beside the running node', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({ concurrent: 2 });
    await installation.start();
  });
  after(() => installation.close());

  const command = (...args: string[]) => runCommand(installation, args);
  const endless = {
    name: 'endless',
    script: ['echo begun', 'while :; do sleep 0.2; done'],
    afterScript: ['echo tidied'],
    variables: [NO_GIT],
  };

  it('sees the running jobs with `jobs`, and ends one with `cancel`', async () => {
    const job = installation.gitlab.addJob(endless);
    await job.whenLog(/^begun$/m);
    const { stdout } = await command('jobs');
    assert.match(stdout, /^JOB +STAGE +FOR +STATE +NODE +WHAT +BUILD$/m);
    assert.match(
      stdout,
      new RegExp(`^${job.id} +step_script +\\d+ s +running +\\S+ +.*endless.* build/`, 'm'),
    );
    const watching = command('jobs', '--watch', '--json');
    const hasEnded = whenSaid(watching.child, /"hasEnded":true/);
    await once(watching.child.stdout ?? watching.child, 'data');
    await command('cancel', `${job.id}`);
    await job.whenFinished();
    await hasEnded;
    watching.child.kill('SIGINT');
    const seen = (await watching).stdout.trimEnd().split('\n');
    const lines = seen.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(lines[0]?.['stage'], 'step_script');
    assert.deepEqual(lines.at(-1), { buildId: lines[0]['buildId'], hasEnded: true });
    assert.equal(job.state, 'failed');
    assert.match(job.log, /^tidied$/m);
    assert.match(job.log, /Job failed: canceled/);
    await installation.whenClean();
    const after = await command('jobs', '--json');
    assert.equal(after.stdout, '');
  });

  it('sees with `status` what the node does and what is wrong, until it stops', async () => {
    const { gitlab, configPath, tokens } = installation;
    const job = gitlab.addJob(endless);
    await job.whenLog(/^begun$/m);
    const { stdout } = await command('status');
    assert.match(stdout, /^node +\S+ · running for \d+ s · version \S+ · pid \d+$/m);
    assert.match(stdout, /^UI +http:\/\/127\.0\.0\.1:\d+$/m);
    assert.match(stdout, /^slots +1 of 2 used by builds, /m);
    const waits = '\\d+\\.\\d+ s / \\d+\\.\\d+ s';
    const row = `system-test-0 +asks for jobs +1 +\\d+ +${waits} +${waits} +20[14], .* ago`;
    assert.match(stdout, new RegExp(`^${row}$`, 'm'));
    assert.match(stdout, /^nothing is wrong$/m);

    const config = await readFile(configPath, 'utf8');
    const fromLine = installation.runner.lines.length;
    await writeFile(configPath, `${config}\n[[broken\n`);
    installation.runner.signal('SIGHUP');
    await installation.runner.whenLog(/config not loaded/, 20_000, fromLine);
    assert.match((await command('status')).stdout, /^ {2}✗ config\.toml: the file cannot be used/m);
    await writeFile(configPath, config);
    installation.runner.signal('SIGHUP');
    await command('pause', 'system-test-0');
    const said = JSON.parse((await command('status', '--json')).stdout) as StatusDocument;
    assert.equal(said.isRunning, true);
    assert.deepEqual([said.slots.builds, said.runners[0]?.state], [1, 'paused']);
    assert.match((await command('status')).stdout, /^ {2}✗ paused: system-test-0, until `resume`/m);
    await command('resume', 'system-test-0');
    for (const token of tokens) assert.ok(!JSON.stringify(said).includes(token), token);

    await installation.runner.end('SIGKILL');
    const away = await command('status').catch((error: unknown) => error as RefusedCommand);
    assert.ok('code' in away && away.code === 1);
    assert.match(away.stdout, /^not running: no worker runs with this state directory: \//m);
    await installation.start();
    await command('cancel', `${job.id}`);
    await job.whenFinished();
    await installation.whenClean();
  });

  it('reads the masked log of a job with `logs`, and follows it to its end with `-f`', async () => {
    const secret = { key: 'SECRET', value: 'wordofmystery', masked: true };
    const script = ['echo "begun $SECRET"', 'while :; do sleep 0.2; done'];
    const job = installation.gitlab.addJob({ ...endless, script, variables: [NO_GIT, secret] });
    await job.whenLog(/^begun \[MASKED\]$/m);
    const { stdout } = await command('logs', `${job.id}`);
    assert.match(cleanLog(stdout), /^begun \[MASKED\]$/m);
    const following = command('logs', '-f', `${job.id}`);
    await once(following.child.stdout ?? following.child, 'data');
    await command('cancel', `${job.id}`);
    const followed = (await following).stdout;
    await job.whenFinished();
    assert.equal(cleanLog(followed), job.log);
    assert.match(cleanLog(followed), /^tidied$/m);
    await installation.whenClean();
    await assert.rejects(command('logs', `${job.id}`), /no job .* runs/);
  });

  it('ends a job with `cancel --force`: GitLab is told, and nothing is left', async () => {
    const job = installation.gitlab.addJob(endless);
    await job.whenLog(/^begun$/m);
    await command('cancel', `${job.id}`, '--force');
    await job.whenFinished(120_000);
    assert.equal(job.state, 'failed');
    assert.equal(job.failureReason, 'runner_system_failure');
    await installation.whenClean(120_000);
  });

  it('reads in the log which job failed and why, once, as a sentence, without a secret', async () => {
    const { runner, gitlab } = installation;
    const place = { key: 'PLACE', value: 'wordofmystery', masked: true };
    const image = '127.0.0.1:1/$PLACE/app:1';
    const job = gitlab.addJob({
      name: 'pull',
      image,
      script: ['true'],
      variables: [NO_GIT, place],
    });
    await job.whenFinished();
    const ended = await runner.whenLog(new RegExp(`"job":${job.id},.*"msg":"job failed"`));
    const lines = runner.lines.filter((line) => line.includes(`"job":${job.id},`));
    assert.equal(lines.length, 2, 'received and failed');
    for (const line of lines) {
      const said = JSON.parse(line) as Record<string, unknown>;
      assert.equal(said['job_name'], 'pull');
      assert.match(String(said['project_path']), /^[\w-]+\/[\w-]+$/);
      assert.equal(said['ref'], 'main');
      assert.equal(said['runner_name'], 'system-test-0');
      assert.match(String(said['url']), new RegExp(`^http://[^@]+/-/jobs/${job.id}$`));
    }
    assert.match(ended, /"reason":"failed to pull image [^{}]*connection refused; check that/);
    const told = runner.lines.filter((line) => line.includes('connection refused'));
    assert.deepEqual(told, [ended], 'the cause is told once');
    const isOfTemporal = (line: string) => line.includes('Workflow failed');
    assert.deepEqual(runner.lines.filter(isOfTemporal), [], 'Temporal does not tell it once more');
    const text = runner.lines.join('\n');
    for (const secret of [place.value, job.token, ...installation.tokens]) {
      assert.ok(!text.includes(secret), `the log holds ${secret}`);
    }
  });

  it('pauses and resumes a runner: it takes no job meanwhile; the log, `list` and `jobs` say so', async () => {
    const { runner, gitlab } = installation;
    const paused = await command('pause', 'system-test-0');
    assert.match(paused.stderr, /Runner paused until `resume`.*runner_name=system-test-0/);
    await runner.whenLog(
      /"runner_name":"system-test-0".*"msg":"runner paused: no job is asked for/,
    );
    // The current job request may still bring a job. The pause is long enough to show that no later
    // request brings one.
    await delay(6_000);
    const job = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    assert.match((await command('list')).stderr, /^system-test-0 .* State=paused/m);
    assert.match((await command('jobs')).stderr, /Runner asks for no job: paused .*system-test-0/);
    assert.equal(job.state, 'pending');
    const resumed = await command('resume', 'system-test-0');
    assert.match(resumed.stderr, /Runner resumed/);
    assert.equal(await job.whenFinished(), 'success');
    await runner.whenLog(/"msg":"runner resumed: jobs are asked for"/);
    assert.ok(!(await command('list')).stderr.includes('State='));
  });

  it('is refused with a wrong name of a runner, and reads the right names', async () => {
    const refusal = /no runner "sistem-test" on this node: there is "system-test-0"/;
    await assert.rejects(command('pause', 'sistem-test'), refusal);
    await assert.rejects(command('resume', 'sistem-test'), refusal);
  });

  it('drains a node: `list` and `jobs` say so, and so does the next start, until `resume`', async () => {
    const { gitlab } = installation;
    await command('drain');
    await installation.runner.whenLog(/"msg":"node drained: no job is asked for/);
    assert.match((await command('list')).stderr, /^system-test-0 .* State=drained/m);
    assert.match((await command('jobs')).stderr, /Node is drained: it asks for no job/);
    await installation.runner.end('SIGTERM');
    const started = await installation.start();
    await started.whenLog(/"level":"warning".*"msg":"this node is drained: it asks for no job/);
    const job = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    await command('resume');
    assert.equal(await job.whenFinished(), 'success');
    await installation.whenClean();
  });

  it('stays drained and its runner paused when a person terminates feedRunners', async () => {
    const { gitlab, runner } = installation;
    const since = runner.lines.length;
    await command('pause', 'system-test-0');
    await command('drain');
    await runner.whenLog(/"msg":"drained, this node takes no job"/, 20_000, since);
    const id = await feederId(installation);
    await inTemporal(installation, async ({ workflow, workflowService, options }) => {
      await workflow.getHandle(id).terminate('a person wants it');
      const asked = { namespace: options.namespace, execution: { workflowId: id } };
      for (;;) {
        const { workflowExecutionInfo } = await workflowService.describeWorkflowExecution(asked);
        if (workflowExecutionInfo?.status === RUNNING) return;
        await delay(200);
      }
    });
    const asked = countRequests(gitlab);
    const job = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    assert.match((await command('list')).stderr, /^system-test-0 .* State=drained/m);
    assert.match((await command('resume')).stderr, /Node resumed.*still_paused/);
    assert.match((await command('list')).stderr, /^system-test-0 .* State=paused/m);
    assert.equal(countRequests(gitlab), asked);
    await command('resume', 'system-test-0');
    assert.equal(await job.whenFinished(), 'success');
    await installation.whenClean();
  });

  it('adds a second node with the keys that a command prints: both see the same jobs', async () => {
    const second = await startSecondNode(installation);
    try {
      const job = installation.gitlab.addJob(endless);
      await job.whenLog(/^begun$/m);
      const configPath = join(installation.directory, 'second', 'config.toml');
      const of = (path: string) => runCommand({ configPath: path }, ['jobs']);
      for (const path of [configPath, installation.configPath]) {
        assert.match((await of(path)).stdout, new RegExp(`^${job.id} +step_script `, 'm'));
      }
      const { stdout } = await command('status');
      assert.match(stdout, /^OTHER NODE.*\n\S+ +asks for jobs +[01] +\S/m);
      await runCommand({ configPath }, ['cancel', `${job.id}`]);
      await job.whenFinished();
      await second.whenBothClean();
    } finally {
      await second.close();
    }
  });

  it('drains a second node: it takes no job, not even one that the first node asks for', async () => {
    const { gitlab, directory } = installation;
    const second = await startSecondNode(installation);
    try {
      const configPath = join(directory, 'second', 'config.toml');
      await runCommand({ configPath }, ['drain']);
      await second.runner.whenLog(/"msg":"drained, this node takes no job"/);
      // GitLab may hold a request for two seconds that was sent before.
      await delay(5_000);
      const jobs = Array.from({ length: 8 }, () =>
        gitlab.addJob({ script: ['sleep 1'], variables: [NO_GIT] }),
      );
      for (const job of jobs) assert.equal(await job.whenFinished(), 'success');
      const received = second.runner.lines.filter((line) => line.includes('"job received"'));
      assert.deepEqual(received, []);
      await runCommand({ configPath }, ['resume']);
      await second.runner.whenLog(/"msg":"resumed, this node takes jobs"/);
      await second.whenBothClean();
    } finally {
      await second.close();
    }
  });

  it('pauses a runner of a second node: that takes no job of it, whichever node asks', async () => {
    const { gitlab, directory } = installation;
    const second = await startSecondNode(installation);
    try {
      const configPath = join(directory, 'second', 'config.toml');
      await runCommand({ configPath }, ['pause', 'system-test-0']);
      await second.runner.whenLog(/"paused":\["\S+"\].*"msg":"paused runners changed, /);
      // GitLab may hold a request for two seconds that was sent before.
      await delay(5_000);
      const jobs = Array.from({ length: 8 }, () =>
        gitlab.addJob({ script: ['sleep 1'], variables: [NO_GIT] }),
      );
      for (const job of jobs) assert.equal(await job.whenFinished(), 'success');
      const received = second.runner.lines.filter((line) => line.includes('"job received"'));
      assert.deepEqual(received, []);
      await runCommand({ configPath }, ['resume', 'system-test-0']);
      await second.runner.whenLog(/"paused":\[\].*"msg":"paused runners changed, /);
      await second.whenBothClean();
    } finally {
      await second.close();
    }
  });

  it('reads in the log which keys a reload changed, and what a broken or missing file means', async () => {
    const { runner, configPath, tokens } = installation;
    const config = await readFile(configPath, 'utf8');
    const since = runner.lines.length;
    const whenSaid = (pattern: RegExp) => runner.whenLog(pattern, 20_000, since);
    // The file is renamed into its place, so that the node never reads half of it.
    const reload = async (text: string) => {
      await writeFile(`${configPath}.new`, text, { mode: 0o600 });
      await rename(`${configPath}.new`, configPath);
      runner.signal('SIGHUP');
    };
    const changed = config
      .replace('concurrent = 2', 'concurrent = 3')
      .replace(/^ {2}executor = .*$/m, '$&\n  environment = ["PASSWORD=hush-hush"]')
      .replace(/image = "[^"]*"/, 'image = "changed:1"');
    await reload(changed);
    await whenSaid(/"changes":\["concurrent: 2 → 3"\].*"msg":"config reloaded: settings changed"/);
    const line = await whenSaid(/"msg":"config reloaded: runner changed"/);
    const { runner_name: name, changes } = JSON.parse(line) as Record<string, unknown>;
    assert.equal(name, 'system-test-0');
    assert.ok(Array.isArray(changes));
    assert.equal(changes[0], 'runners.environment: changed');
    assert.match(String(changes[1]), /^runners\.docker\.image: \S+ → changed:1$/);
    assert.equal(changes.length, 2);

    await reload(`${config}\n[[runners]\n`);
    await whenSaid(/"msg":"config not loaded, the last good one stays in force"/);
    await rm(configPath);
    runner.signal('SIGHUP');
    await whenSaid(/"msg":"config file is gone, its last good settings stay in force"/);
    await reload(config);
    await whenSaid(/"msg":"config file is good again, its settings are in force"/);
    await whenSaid(/"changes":\["concurrent: 3 → 2"\].*"msg":"config reloaded: settings changed"/);
    const text = runner.lines.slice(since).join('\n');
    assert.equal(text.split('config file is gone').length, 2, 'said once');
    for (const secret of ['hush-hush', ...tokens]) assert.ok(!text.includes(secret), secret);
  });

  it('is told when a job does not exist', async () => {
    await assert.rejects(command('cancel', '4711'), /no job "4711" runs/);
  });
});

describe('log_format = "json" of the config file', () => {
  const directories: string[] = [];
  afterEach(async () => {
    for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
  });

  const cases: [what: string, rest: string, end: (runner: RunnerProcess) => Promise<unknown>][] = [
    ['a good file', 'colour = "blue"\n', (runner) => runner.whenLog(/"msg":"ready"/)],
    ['a file that is broken', '[[runners]\n', (runner) => runner.whenExit()],
  ];
  for (const [what, rest, end] of cases) {
    it(`applies from the first line to the last: ${what}`, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'tgr-json-'));
      directories.push(directory);
      const configPath = join(directory, 'config.toml');
      await writeFile(configPath, `log_format = "json"\n${rest}`, { mode: 0o600 });
      const runner = startRunnerProcess({
        args: ['run', '--config', configPath],
        env: { LOG_FORMAT: '' },
      });
      await end(runner);
      await runner.end('SIGTERM');
      assert.ok(runner.lines.length > 1);
      for (const line of runner.lines) assert.match(line, /^\{.*\}$/, runner.lines.join('\n'));
      for (const line of runner.lines) assert.equal(typeof JSON.parse(line), 'object', line);
      assert.match(runner.lines[0] ?? '', /"msg":"Runtime platform"/);
    });
  }
});
