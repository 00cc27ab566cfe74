import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openInstallation, type Installation } from '../support/installation.ts';
import { startRunnerProcess } from '../support/runner-process.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

describe('bad input from GitLab', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({ concurrent: 2 });
    await installation.start();
  });
  after(async () => {
    try {
      await installation.whenClean();
    } finally {
      await installation.close();
    }
  });

  const payloads: readonly [
    why: string,
    payload: Readonly<Record<string, unknown>>,
    log: RegExp,
  ][] = [
    ['steps are no list', { steps: 'echo' }, /steps/],
    ['there is no script', { steps: [] }, /no script/],
    ['the commit is no hash', { git_info: { sha: '--upload-pack=touch /tmp/x' } }, /commit/],
    ['the `run` keyword is used', { run: '[{"name":"a","script":"b"}]', steps: [] }, /`run`/],
    ['variables are a number', { variables: 7 }, /variables/],
  ];
  for (const [why, payload, log] of payloads) {
    it(`fails a job whose payload cannot be run, and the log says why: ${why}`, async () => {
      const job = installation.gitlab.addJob({ payload });
      await job.whenFinished();
      assertJob(job, {
        state: 'failed',
        failureReason: 'runner_system_failure',
        exitCode: 3,
        log: [log],
      });
    });
  }

  it('ends jobs with odd values, each with a reason, and runs the next job', async () => {
    const { gitlab } = installation;
    const jobs = ODD_PAYLOADS.map(([why, payload]) => ({ why, job: gitlab.addJob({ payload }) }));
    await Promise.all(jobs.map(({ job }) => job.whenFinished(180_000)));
    for (const { why, job } of jobs) {
      const words = job.state === 'success' ? /^Job succeeded$/m : /^ERROR: Job failed/m;
      assert.match(job.log, words, why);
    }
    const ended = jobs.filter(({ job }) => job.state === 'success').map(({ why }) => why);
    assert.deepEqual(
      ended,
      ODD_PAYLOADS.filter(([, , mayRun]) => mayRun).map(([why]) => why),
    );
    const next = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    assert.equal(await next.whenFinished(), 'success');
  });

  it('continues after HTML, cut JSON and a cut connection in answer to a job request', async () => {
    const { gitlab } = installation;
    const answers = [
      { status: 201, headers: { 'Content-Type': 'text/html' }, body: '<html>login</html>' },
      { status: 201, headers: { 'Content-Type': 'application/json' }, body: '{"id": 12, "tok' },
      { status: 500, body: 'oops' },
      { cut: true } as const,
    ];
    const interception = gitlab.intercept(({ kind }) =>
      kind === 'job_request' ? answers.shift() : undefined,
    );
    const job = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    assert.equal(await job.whenFinished(), 'success');
    interception.remove();
    assert.deepEqual(answers, []);
  });

  it('logs a refused token and serves the other runners', async () => {
    const { gitlab } = installation;
    const interception = gitlab.intercept(({ kind }) =>
      kind === 'job_request'
        ? {
            status: 403,
            headers: { 'Content-Type': 'application/json' },
            body: '{"message":"403 Forbidden"}',
          }
        : undefined,
    );
    const line = await installation.runner.whenLog(/asking for a job was refused/);
    assert.match(line, /403/);
    interception.remove();
    installation.runner.signal('SIGHUP'); // This makes the node forget the refusals.
    const job = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    assert.equal(await job.whenFinished(), 'success');
  });
});

type OddPayload = readonly [
  why: string,
  payload: Readonly<Record<string, unknown>>,
  mayRun: boolean,
];

const ONE_STEP = { name: 'script', script: ['true'], timeout: 60, when: 'on_success' };
const plainVariable = (key: string, value: string) => ({ key, value, public: true });

const ODD_PAYLOADS: readonly OddPayload[] = [
  ['nothing is told of variables', { variables: null }, true],
  [
    '5,000 variables',
    {
      variables: [
        NO_GIT,
        ...Array.from({ length: 5_000 }, (_, index) => plainVariable(`K${index}`, `v${index}`)),
      ],
    },
    true,
  ],
  [
    'names of variables with NUL, newline and signs of other scripts',
    {
      variables: [
        NO_GIT,
        plainVariable('A\0B', 'x'),
        plainVariable('A\nB', 'x'),
        plainVariable('Ä€', 'x'),
      ],
    },
    true,
  ],
  ['a value with NUL', { variables: [NO_GIT, plainVariable('A', 'x\0y')] }, true],
  [
    'a script of 10 MB',
    {
      variables: [NO_GIT],
      steps: [{ ...ONE_STEP, script: [`true\n# ${'x'.repeat(10_000_000)}`] }],
    },
    true,
  ],
  ['a feature of tomorrow', { features: { warps_time: true }, tomorrow: [{}] }, true],
  ['nothing is told of features', { features: null }, true],
  ['nothing is told of the runner', { runner_info: null }, true],
  ['a time-out below zero', { runner_info: { timeout: -1 } }, true],
  ['nothing is told of the job', { job_info: null }, true],
  [
    'nothing is told of dependencies, caches, artifacts',
    { dependencies: null, cache: null, artifacts: null },
    true,
  ],
  ['a name of an image with a newline', { image: { name: 'a\nb' } }, false],
  ['an image that is a list', { image: [] }, false],
  ['a service that is null', { services: [null] }, true],
  ['200 services without a name', { services: Array(200).fill({}) }, true],
  ['a script that is null', { steps: [{ ...ONE_STEP, script: null }] }, false],
  ['a script of numbers', { steps: [{ ...ONE_STEP, script: [1, 2] }] }, false],
  ['a step of a name of 3 MB', { steps: [{ ...ONE_STEP, name: 'x'.repeat(3_000_000) }] }, false],
  ['2,000 steps', { steps: Array(2_000).fill(ONE_STEP) }, false],
  ['two steps of one name', { steps: [ONE_STEP, ONE_STEP] }, false],
  ['a repository that is a command', { git_info: { repo_url: 'ext::sh -c true' } }, false],
];

describe('bad input from the operator', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-bad-input-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const configs: readonly [why: string, toml: string, line: RegExp][] = [
    ['broken TOML', 'concurrent = 1\n[[runners]\n', /broken-TOML\.toml:2:\d+/],
    ['a wrong type', 'concurrent = "many"\n', /concurrent/],
    ['no slots', 'concurrent = 0\n', /concurrent/],
  ];
  for (const [why, toml, pattern] of configs) {
    it(`ends with 1 and one clear line: ${why}`, async () => {
      const configPath = join(directory, `${why.replaceAll(' ', '-')}.toml`);
      await writeFile(configPath, toml, { mode: 0o600 });
      const runner = startRunnerProcess({
        args: ['run', '--config', configPath],
        env: { TEMPORAL_GITLAB_RUNNER_STATE_DIR: join(directory, 'state') },
      });
      await runner.whenLog(pattern);
      assert.equal(await runner.whenExit(), 1);
      assert.equal(runner.lines.filter((line) => /^\s+at /.test(line)).length, 0, 'no stack');
    });
  }

  const entries: readonly [why: string, lines: string, complaint: RegExp][] = [
    ['without a url', '  [runners.docker]\n    image = "x"\n', /url/],
    [
      'with an absurd memory size',
      '  url = "http://127.0.0.1:1"\n  [runners.docker]\n    image = "x"\n    memory = "lots"\n',
      /memory/,
    ],
  ];
  for (const [why, lines, complaint] of entries) {
    it(`skips and names an entry ${why}, and serves the others`, async () => {
      const configPath = join(directory, `${why.replaceAll(' ', '-')}.toml`);
      const toml = `concurrent = 1
[[runners]]
  name = "lost"
  token = "glrt-aaaaaaaaaaaaaaaaaaaa"
  executor = "docker"
${lines}`;
      await writeFile(configPath, toml, { mode: 0o600 });
      const runner = startRunnerProcess({
        args: ['run', '--config', configPath],
        env: { TEMPORAL_GITLAB_RUNNER_STATE_DIR: `${configPath}.state` },
      });
      try {
        assert.match(await runner.whenLog(complaint), /lost|runners\[0\]/);
        await runner.whenLog(/"msg":"ready"/);
      } finally {
        assert.equal(await runner.end('SIGTERM'), 0);
      }
    });
  }

  it('ends with 1 and names the address when Temporal does not answer', async () => {
    const configPath = join(directory, 'good.toml');
    await writeFile(configPath, 'concurrent = 1\n', { mode: 0o600 });
    const runner = startRunnerProcess({
      args: ['run', '--config', configPath],
      env: {
        TEMPORAL_ADDRESS: '127.0.0.1:1',
        TEMPORAL_GITLAB_RUNNER_STATE_DIR: join(directory, 'state-temporal'),
      },
    });
    await runner.whenLog(/127\.0\.0\.1:1/);
    assert.equal(await runner.whenExit(), 1);
  });

  it('names the Docker that does not answer, and leaves jobs to runners that have one', async () => {
    const installation = await openInstallation({
      dockerToml: '    host = "unix:///nonexistent/docker.sock"',
    });
    try {
      const job = installation.gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
      await installation.start();
      await installation.runner.whenLog(
        /nonexistent\/docker\.sock.*"msg":"Docker does not answer, no job is asked for"/,
      );
      assert.equal(job.handedOut, 0);
    } finally {
      await installation.close();
    }
  });
});
