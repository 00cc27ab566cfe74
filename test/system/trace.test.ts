import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type {
  FakeJob,
  FakeVariable,
  JobSpec,
  RecordedRequest,
} from '../support/fake-gitlab/types.ts';
import { finish, openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const PLAIN: readonly FakeVariable[] = [NO_GIT, { key: 'FF_TIMESTAMPS', value: 'false' }];

describe('the trace', () => {
  let installation: Installation;
  before(async () => {
    const runnerTomls = ['  output_limit = 16384', '  output_limit = 4'];
    installation = await openInstallation({ concurrent: 2, runnerTomls, dockerTomls: ['', ''] });
    await installation.start();
  });
  after(() => finish(installation));

  /** Adds a job for the runner with the larger limit. */
  const add = (job: JobSpec): FakeJob =>
    installation.gitlab.addJob({ runnerToken: installation.tokens[0] ?? '', ...job });

  it('shows a line in GitLab while the script still runs', async () => {
    const job = add({
      script: ['echo early', 'while [ ! -e /tmp/go ]; do sleep 0.1; done; echo late'],
      variables: [NO_GIT],
      timeout: 60,
    });
    await job.whenLog(/^early$/m, 20_000);
    assert.equal(job.state, 'running');
    job.cancel();
    await job.whenFinished();
  });

  it('has every byte of ten megabytes exactly once, and a checksum that GitLab accepts', async () => {
    const job = add({
      script: ['seq 1 1300000'],
      variables: [...PLAIN],
    });
    assert.equal(await job.whenFinished(120_000), 'success');
    const lines = job.trace.toString().match(/^\d+$/gm) ?? [];
    assert.equal(lines.length, 1_300_000);
    assert.equal(lines[0], '1');
    assert.equal(lines.at(-1), '1300000');
  });

  it('replaces bytes that are not UTF-8, and keeps the rest of binary output', async () => {
    const job = add({
      script: [String.raw`printf 'a\377b\000c\n'`],
      variables: [...PLAIN],
    });
    await job.whenFinished();
    assert.ok(job.trace.includes(Buffer.from('a\ufffdb\u0000c\n')), job.trace.toString('latin1'));
  });

  it('gives each line a timestamp and a stream that GitLab’s viewer reads', async () => {
    const job = add({ script: ['echo stamped'], variables: [NO_GIT] });
    await job.whenFinished();
    assert.match(job.trace.toString(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z 01O stamped$/m);
    const lines = job.trace.toString().trimEnd().split('\n');
    const unstamped = lines.filter(
      (line) => !/^\d{4}-\d\d-\d\dT[\d:.]+Z [0-9a-f]{2}[OE][ +]/.test(line),
    );
    assert.deepEqual(unstamped, [], 'it is all or nothing in a log');
  });

  it('opens and closes a section for each stage, in order', async () => {
    const job = add({
      script: ['true'],
      afterScript: ['true'],
      variables: [...PLAIN],
    });
    await job.whenFinished();
    const marks = [...job.trace.toString().matchAll(/section_(start|end):\d+:(\w+)\r\u001b\[0K/g)];
    const names = marks.map(([, kind, name]) => `${kind} ${name}`);
    const expected = [
      'prepare_executor',
      'prepare_script',
      'get_sources',
      'step_script',
      'after_script',
    ];
    const started = names.filter((name) => name.startsWith('start ')).map((name) => name.slice(6));
    assert.deepEqual(
      started.filter((name) => expected.includes(name)),
      expected,
    );
    for (const name of started) {
      assert.ok(names.indexOf(`start ${name}`) < names.indexOf(`end ${name}`), name);
    }
  });

  it('is cut at output_limit with one notice, and the job continues', async () => {
    const job = add({
      runnerToken: installation.tokens[1] ?? '',
      script: ['seq 1 100000', 'exit 5'],
      variables: [...PLAIN],
    });
    assert.equal(await job.whenFinished(), 'failed');
    assert.equal(job.exitCode, 5);
    assert.equal(job.trace.toString().split("Job's log exceeded limit of 4096 bytes").length, 2);
    assert.ok(job.trace.length < 4096 + 500, `${job.trace.length} bytes`);
    assert.deepEqual(installation.gitlab.violations, []);
  });

  it('is sent again from GitLab’s offset after a 416, and from its start after a 412', async () => {
    const { gitlab } = installation;
    let answers = 0;
    const interception = gitlab.intercept(({ kind, body }) => {
      const isFinal = kind === 'update' && body.includes('"state":"success"');
      if (!isFinal || answers > 0) return undefined;
      answers += 1;
      return { status: 412 };
    });
    const job = add({ script: ['echo once'], variables: [NO_GIT] });
    await job.whenFinished();
    interception.remove();
    assertJob(job, { state: 'success', log: ['once', 'Job succeeded'] });
    assert.equal(answers, 1);
    assert.equal(job.log.split('\nonce\n').length, 2, 'the line is there once');
  });

  it('is finished when GitLab has stored it: after a 202 the update is sent again', async () => {
    const { gitlab } = installation;
    let pending = 2;
    const interception = gitlab.intercept(({ kind, body }) => {
      if (kind !== 'update' || !body.includes('"state":"success"') || pending === 0)
        return undefined;
      pending -= 1;
      return { status: 202, headers: { 'X-GitLab-Trace-Update-Interval': '1' } };
    });
    const job = add({ script: ['true'], variables: [NO_GIT] });
    assert.equal(await job.whenFinished(), 'success');
    interception.remove();
    const finals = gitlab.requests.filter(isFinalUpdateOf(job.id));
    assert.equal(finals.length, 3);
  });

  it('is complete although GitLab is away when the job ends', async () => {
    const { gitlab } = installation;
    const job = add({
      script: ['echo begun', 'sleep 1', 'echo done'],
      variables: [NO_GIT],
    });
    await job.whenState(['running']);
    const outage = gitlab.intercept(({ kind }) =>
      kind === 'update' || kind === 'trace'
        ? {
            status: 502,
            body: '<html>bad gateway</html>',
            headers: { 'Content-Type': 'text/html' },
          }
        : undefined,
    );
    await installation.runner.whenLog(/trace not sent|was not taken/);
    setTimeout(() => outage.remove(), 3_000);
    await job.whenFinished();
    assertJob(job, { state: 'success', log: ['begun', 'done', 'Job succeeded'] });
  });
});

function isFinalUpdateOf(jobId: number): (request: RecordedRequest) => boolean {
  return ({ method, path, body }) =>
    method === 'PUT' &&
    path.endsWith(`/jobs/${jobId}`) &&
    (body as { state?: string }).state === 'success';
}
