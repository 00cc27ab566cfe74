import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { BUILD, OTHER_BUILD, build, node, open, closeNodes } from './running-node.ts';
import { run } from './support.ts';

closeNodes();

const ALICE = { SUDO_USER: 'alice', USER: 'root' };

describe('a command about one job', () => {
  const sends: [args: readonly string[], kind: string, name: string, input?: object][] = [
    [['cancel', '7'], 'signal', 'cancelBuild'],
    [['cancel', '7', '--force=false'], 'signal', 'cancelBuild'],
    [['cancel', '7', '--force'], 'terminate', 'cancel --force by alice'],
    [['release', '7'], 'update', 'release', { by: 'alice' }],
    [['retry', '7'], 'update', 'retry', { by: 'alice' }],
    [['hold', '7'], 'update', 'hold', { by: 'alice', onFailure: false }],
    [['hold', '7', '30m'], 'update', 'hold', { by: 'alice', onFailure: false, time: '30m' }],
    [['hold', '7', '--on-failure'], 'update', 'hold', { by: 'alice', onFailure: true }],
    [
      ['hold', '7', '2h', '--before', 'after_script'],
      ...(['update', 'hold'] as const),
      { by: 'alice', onFailure: false, time: '2h', before: 'after_script' },
    ],
    [
      ['hold', '7', '--failure-of', 'get_sources'],
      ...(['update', 'hold'] as const),
      { by: 'alice', onFailure: false, failureOf: 'get_sources' },
    ],
  ];
  for (const [args, kind, name, input] of sends) {
    it(`sends ${kind} ${name} for \`${args.join(' ')}\`, and to no other build`, async () => {
      const { temporal } = await open(build(), build({ id: OTHER_BUILD }));
      const { exitCode, stdout, stderr } = await node.run(args, { env: ALICE });
      assert.equal(exitCode, 0, stderr);
      const sent = { to: BUILD, kind, name, args: input === undefined ? [] : [input] };
      assert.deepEqual(temporal.sent, [sent]);
      assert.equal(stdout, '');
      const fields = new RegExp(`build=${BUILD} node=node-1 what=app · rspec #7 · main`);
      assert.match(stderr.split('\n').at(-2) ?? '', fields);
    });
  }

  it('names who gives it as well as the environment can', async () => {
    const { temporal } = await open(build());
    for (const env of [{ SUDO_USER: '', USER: 'bob' }, { USER: '' }]) {
      await node.run(['release', '7'], { env });
    }
    assert.deepEqual(
      temporal.sent.map(({ args }) => args),
      [[{ by: 'bob' }], [{ by: 'somebody' }]],
    );
  });

  const spoken: [args: readonly string[], expected: RegExp][] = [
    [['cancel', '7'], /Job is being canceled /],
    [['cancel', '7', '--force'], /WARNING: Job terminated: its node removes what is left /],
    [['hold', '7'], /Job: the build answers hold /],
    [['release', '7'], /Job: the build answers release /],
    [['retry', '7'], /Job: the build answers retry /],
  ];
  for (const [args, expected] of spoken) {
    it(`tells a person after \`${args.join(' ')}\` what has become of it`, async () => {
      await open(build({ update: (name) => `the build answers ${name}` }));
      const { stderr } = await node.run(args);
      assert.match(stderr, expected);
    });
  }

  for (const name of ['cancel', 'hold', 'release', 'retry', 'logs', 'shell']) {
    it(`${name} ends with 1 for a misspelt job, with 2 for none, and sends nothing`, async () => {
      const { temporal } = await open(build());
      const wrong = await node.run([name, '77']);
      assert.equal(wrong.exitCode, 1);
      assert.match(wrong.stderr, /FATAL: no job "77" runs: `jobs` lists the running ones/);
      const none = await run([name]);
      assert.equal(none.exitCode, 2);
      assert.match(none.stderr, /missing required argument 'job'/);
      assert.deepEqual(temporal.sent, []);
    });
  }

  it('ends with 1 for a number that two jobs have, and names both builds', async () => {
    const { temporal } = await open(build(), build({ id: 'build/other.example.com/7' }));
    const { exitCode, stderr } = await node.run(['cancel', '7']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /name the build of one, build\/gitlab\S+\/7, build\/other\S+\/7/);
    const named = await node.run(['cancel', BUILD]);
    assert.equal(named.exitCode, 0);
    assert.deepEqual(
      temporal.sent.map(({ to }) => to),
      [BUILD],
    );
  });

  it('ends with 2 for an unknown option and for an argument too many', async () => {
    await open(build());
    for (const args of [
      ['hold', '7', '--until', '8'],
      ['hold', '7', '1h', '2h'],
      ['cancel', '7', '8'],
      ['cancel', '7', '--force=perhaps'],
      ['release', '7', '8'],
    ]) {
      assert.equal((await node.run(args)).exitCode, 2, args.join(' '));
    }
  });
});

describe('an order for a held job', () => {
  const refusals: [why: string, error: () => Error, expected: RegExp][] = [
    [
      'that the build refuses',
      () => new WorkflowUpdateFailedError('Workflow Update failed', new Error('nothing is held')),
      /FATAL: build\/gitlab\.example\.com\/7: nothing is held/,
    ],
    [
      'that no worker answers',
      () => new WorkflowUpdateRPCTimeoutOrCancelledError('deadline'),
      /FATAL: build\/gitlab\.example\.com\/7: no worker answers for this build: start one/,
    ],
    [
      'for a build that has just ended',
      () => new Error('workflow execution already completed'),
      /FATAL: build\/gitlab\.example\.com\/7: workflow execution already completed/,
    ],
  ];
  for (const name of ['hold', 'release', 'retry']) {
    for (const [why, error, expected] of refusals) {
      it(`${name} ends with 1 and the reason for one ${why}`, async () => {
        const update = () => {
          throw error();
        };
        const { temporal } = await open(build({ update }));
        const { exitCode, stderr } = await node.run([name, '7']);
        assert.equal(exitCode, 1);
        assert.match(stderr, expected);
        const limitMs = temporal.limitsMs.at(-1) ?? 0;
        assert.ok(limitMs > 0 && limitMs <= 10_000, `it waits for ${limitMs} ms`);
      });
    }
  }
});
