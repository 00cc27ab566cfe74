import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { WorkflowNotFoundError } from '@temporalio/client';
import { openStatusSocket } from '../../src/adapters/metrics/status-socket.ts';
import type { NodeStatus } from '../../src/domain/metrics/node-status.ts';
import { recordingLog } from '../support/recording-log.ts';
import type { FakeWorkflow } from './fake-temporal.ts';
import {
  BUILD,
  FLEET,
  NODE,
  OTHER_BUILD,
  build,
  feeder,
  node,
  open,
  closeNodes,
} from './running-node.ts';

closeNodes();

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const unanswered = build({
  id: OTHER_BUILD,
  node: 'node-2',
  startedAt: new Date(500),
  answers: {},
});

describe('`jobs`', () => {
  it('prints a row for each job, the oldest first, with what is known of it', async () => {
    const waiting = { status: { stage: 'get_sources', waitsFor: 'GitLab, 503' } };
    await open(build({ answers: waiting }), unanswered, feeder());
    const { exitCode, stdout, stderr } = await node.run(['jobs']);
    assert.equal(exitCode, 0);
    const [head, first, second, ...rest] = stdout.split('\n');
    assert.match(head ?? '', /^JOB +STAGE +FOR +STATE +NODE +WHAT +BUILD$/);
    assert.match(
      first ?? '',
      /^8 +\? .* no worker answers +node-2 .* build\/other\.example\.com\/8$/,
    );
    assert.match(second ?? '', /^7 +get_sources .* waits for GitLab, 503 +node-1 +app · rspec #7/);
    assert.deepEqual(rest, ['']);
    assert.doesNotMatch(stderr, /WARNING/);
  });

  it('prints with --json a document for each job and nothing else', async () => {
    await open(build(), unanswered, feeder());
    const { exitCode, stdout } = await node.run(['jobs', '--json']);
    assert.equal(exitCode, 0);
    const lines = stdout.trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      [
        {
          ...{ buildId: OTHER_BUILD, jobId: '8', summary: 'app · rspec #7 · main', node: 'node-2' },
          ...{ startedAt: '1970-01-01T00:00:00.500Z', stage: '?' },
        },
        {
          ...{ buildId: BUILD, jobId: '7', summary: 'app · rspec #7 · main', node: NODE },
          ...{ startedAt: '1970-01-01T00:00:01.000Z', stage: 'step_script' },
        },
      ],
    );
  });

  it('tells with --json the address of a job where Temporal shows it', async () => {
    const url = 'https://gitlab.example.com/group/app/-/jobs/7';
    await open(build({ details: `[job #7 in GitLab](${url})` }));
    const { stdout } = await node.run(['jobs', '--json']);
    assert.equal((JSON.parse(stdout) as { url: unknown }).url, url);
  });

  it('leaves out a build that Temporal still lists and no longer knows', async () => {
    const fault = new WorkflowNotFoundError('workflow not found', OTHER_BUILD, undefined);
    await open(build(), build({ id: OTHER_BUILD, fault }));
    const { exitCode, stdout, stderr } = await node.run(['jobs']);
    assert.equal(exitCode, 0, stderr);
    assert.equal(stdout.split('\n').length, 3);
    assert.match(stdout, /^7 /m);
  });

  it('ends with 1 when a build cannot be described, also while Temporal lists more', async () => {
    const fault = new Error('Temporal is overloaded');
    await open(build({ fault }), unanswered);
    const { exitCode, stderr } = await node.run(['jobs']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /FATAL: Temporal is overloaded/);
  });

  it('prints only the head of the table where no job runs, and nothing with --json', async () => {
    await open(feeder());
    assert.match((await node.run(['jobs'])).stdout, /^JOB .*BUILD\n$/);
    assert.equal((await node.run(['jobs', '--json'])).stdout, '');
  });

  const notices: [why: string, workflow: FakeWorkflow, said: RegExp][] = [
    ['is drained', feeder({ ...FLEET, isDraining: true }), /Node is drained: .*node=node-1/],
    ['has a paused runner', feeder({ ...FLEET, paused: ['k2'] }), /no job: paused .*name=two/],
    ['does not answer', { ...feeder(), answers: {} }, /Node does not answer: .*node=node-1/],
  ];
  for (const [why, workflow, said] of notices) {
    it(`warns of a node that ${why}, also with --json`, async () => {
      await open(workflow);
      for (const args of [['jobs'], ['jobs', '--json']]) {
        const { exitCode, stdout, stderr } = await node.run(args);
        assert.equal(exitCode, 0);
        assert.match(stderr, said);
        assert.doesNotMatch(stdout, said);
      }
    });
  }

  it('ends with 1 where Temporal does not answer, and with 2 for a job', async () => {
    await open();
    const visitTemporal = () => Promise.reject(new Error('Temporal at x does not answer'));
    const away = await node.run(['jobs'], { ports: { visitTemporal } });
    assert.deepEqual([away.exitCode, away.stdout], [1, '']);
    assert.match(away.stderr, /FATAL: Temporal at x does not answer/);
    assert.equal((await node.run(['jobs', '7'])).exitCode, 2);
    assert.equal((await node.run(['jobs', '--json=maybe'])).exitCode, 2);
  });
});

const status: NodeStatus = {
  ...{ version: '1.2.3', pid: 7, state: 'running', uptimeSeconds: 60, isReady: true },
  slots: { concurrent: 4, builds: 1, requests: 1, free: 2 },
  checks: [{ name: 'docker', isOk: true, reason: 'answers' }],
  runners: [
    { key: 'k1', name: 'one', running: 1, requests: 1, queue: { count: 0 }, pickup: { count: 0 } },
  ],
};

describe('`status`', () => {
  const start = async (look = () => Promise.resolve(status)): Promise<void> => {
    const { log } = recordingLog();
    closing.push(await openStatusSocket({ path: node.state.statusSocket, log, look }));
  };

  it('prints what the node says of itself and what Temporal says of others', async () => {
    await open(feeder(), feeder(FLEET, 'node-2'), unanswered);
    await start();
    const { exitCode, stdout } = await node.run(['status']);
    assert.equal(exitCode, 0);
    assert.match(stdout, /^node +node-1 · running for 60 s · version 1\.2\.3 · pid 7$/m);
    assert.match(stdout, /^one +asks for jobs +1 /m);
    assert.match(stdout, /^nothing is wrong$/m);
    assert.match(stdout, /^OTHER NODE .*\nnode-2 +asks for jobs +1 +one, two$/m);
  });

  it('prints with --json one document with the same facts', async () => {
    await open(feeder({ ...FLEET, paused: ['k1'] }), feeder(FLEET, 'node-2'), unanswered);
    await start();
    const { exitCode, stdout } = await node.run(['status', '--json']);
    assert.equal(exitCode, 0);
    assert.deepEqual(JSON.parse(stdout), {
      ...{ ...status, node: NODE, isRunning: true, isDraining: false },
      runners: [{ ...status.runners[0], state: 'paused' }],
      others: [{ node: 'node-2', builds: 1, state: 'asks for jobs', runners: ['one', 'two'] }],
    });
  });

  it('prints what the node says also where Temporal is away', async () => {
    await open();
    await start();
    const visitTemporal = () => Promise.reject(new Error('Temporal at x does not answer'));
    const { exitCode, stdout, stderr } = await node.run(['status'], { ports: { visitTemporal } });
    assert.equal(exitCode, 0);
    assert.match(stdout, /^one +not known /m);
    assert.match(stdout, /✗ not known whether the node is drained or paused: Temporal/);
    assert.doesNotMatch(stderr, /ERROR|WARNING/);
  });

  it('ends with 1 where no node runs, and still prints its directory and the others', async () => {
    const { state } = await open(feeder(FLEET, 'node-2'));
    const plain = await node.run(['status']);
    assert.equal(plain.exitCode, 1);
    const why = `no worker runs with this state directory: ${state.path}`;
    assert.ok(plain.stdout.startsWith(`not running: ${why}\n`), plain.stdout);
    assert.match(plain.stdout, /^node-2 +asks for jobs +0 /m);
    const json = await node.run(['status', '--json']);
    assert.equal(json.exitCode, 1);
    assert.deepEqual(JSON.parse(json.stdout), {
      ...{ node: NODE, isRunning: false, why },
      others: [{ node: 'node-2', builds: 0, state: 'asks for jobs', runners: ['one', 'two'] }],
    });
  });

  it('ends with 1 where the node is of another version, and says so', async () => {
    await open(feeder());
    await start(() => Promise.resolve({ version: '9' } as NodeStatus));
    const { exitCode, stderr } = await node.run(['status']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /FATAL: the node is of another version: ask it with its own `status`/);
  });

  it('ends with 2 for an argument, and for a value that is neither true nor false', async () => {
    await open();
    assert.equal((await node.run(['status', 'node-1'])).exitCode, 2);
    assert.equal((await node.run(['status', '--json=maybe'])).exitCode, 2);
  });
});
