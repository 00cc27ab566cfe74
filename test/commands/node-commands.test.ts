import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { FLEET, feeder, node, open, closeNodes } from './running-node.ts';

closeNodes();

describe('a command about a node', () => {
  const sends: [args: readonly string[], name: string, input: readonly string[], said: RegExp][] = [
    [['drain'], 'drain', [], /Node drained until `resume`: its builds go on +node=node-1$/m],
    [
      ['pause', 'two'],
      'pauseRunner',
      ['k2'],
      /Runner paused until `resume`.* runner=k2 .*name=two/,
    ],
    [['pause', 'k1'], 'pauseRunner', ['k1'], /Runner paused until `resume`.* runner_name=one/],
    [['resume'], 'resume', [], /Node was not drained +node=node-1$/m],
    [['resume', 'one'], 'resumeRunner', ['k1'], /Runner was not paused .*runner_name=one$/m],
  ];
  for (const [args, name, input, said] of sends) {
    it(`sends the signal ${name} for \`${args.join(' ')}\`, and says what that means`, async () => {
      const { temporal } = await open(feeder(), feeder(FLEET, 'node-2'));
      const { exitCode, stdout, stderr } = await node.run(args);
      assert.equal(exitCode, 0, stderr);
      const sent = { to: 'feed-runners/node-1', kind: 'signal', name, args: input };
      assert.deepEqual(temporal.sent, [sent]);
      assert.match(stderr, said);
      assert.equal(stdout, '');
    });
  }

  it('goes to the node that --node names, whichever the config file is of', async () => {
    const { temporal } = await open(feeder(), feeder(FLEET, 'node-2'));
    for (const args of [['drain'], ['pause', 'one'], ['resume']]) {
      assert.equal((await node.run([...args, '--node', 'node-2'])).exitCode, 0);
    }
    assert.deepEqual(
      temporal.sent.map(({ to }) => to),
      Array(3).fill('feed-runners/node-2'),
    );
  });

  it('tells with `resume` that asking goes on, and what still keeps runners from it', async () => {
    await open(feeder({ ...FLEET, isDraining: true, paused: ['k2'] }));
    const ofNode = await node.run(['resume']);
    assert.match(ofNode.stderr, /Node resumed: it asks for jobs again .*still_paused=two$/m);
    const ofRunner = await node.run(['resume', 'two']);
    assert.match(ofRunner.stderr, /Runner resumed: it asks for jobs again .*still_drained=true/);
  });

  for (const name of ['pause', 'resume']) {
    it(`${name} ends with 1 for a misspelt runner, and says which there are`, async () => {
      const { temporal } = await open(feeder());
      const { exitCode, stderr } = await node.run([name, 'tow']);
      assert.equal(exitCode, 1);
      assert.match(stderr, /FATAL: no runner "tow" on this node: there is "one", "two"/);
      assert.deepEqual(temporal.sent, []);
    });
  }

  it('ends with 1 for a name that two runners have, and names their keys', async () => {
    const runners = FLEET.settings.runners.map((one) => ({ ...one, name: 'same' }));
    const { temporal } = await open(feeder({ ...FLEET, settings: { ...FLEET.settings, runners } }));
    const { exitCode, stderr } = await node.run(['pause', 'same']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /2 runners are named "same": name one by its key, k1, k2/);
    assert.equal((await node.run(['pause', 'k2'])).exitCode, 0);
    assert.deepEqual(temporal.sent.at(-1)?.args, ['k2']);
  });

  for (const args of [['drain'], ['pause', 'one'], ['resume'], ['resume', 'one']]) {
    it(`\`${args.join(' ')}\` ends with 1 where no node answers, and sends nothing`, async () => {
      const silent = { ...feeder(), answers: {} };
      for (const workflows of [[], [silent]]) {
        const { temporal } = await open(...workflows);
        const { exitCode, stderr } = await node.run(args);
        assert.equal(exitCode, 1);
        assert.match(stderr, /node "node-1" does not answer: start it, or name one that runs/);
        assert.deepEqual(temporal.sent, []);
        const other = await node.run([...args, '--node', 'gone']);
        assert.match(other.stderr, /node "gone" does not answer/);
        const limitMs = temporal.limitsMs.at(-1) ?? 0;
        assert.ok(limitMs > 0 && limitMs <= 5_000, `it waits for ${limitMs} ms`);
      }
    });
  }

  it('ends with 1 where no node has ever run, and says what to do', async () => {
    const { state } = await open(feeder());
    await rm(state.installationFile);
    const { exitCode, stderr } = await node.run(['drain']);
    assert.equal(exitCode, 1);
    assert.match(stderr, /no node has run with .*installation.*--node/);
  });

  it('ends with 2 without a runner to pause, and for an argument too many', async () => {
    await open(feeder());
    for (const args of [
      ['pause'],
      ['pause', 'one', 'two'],
      ['drain', 'one'],
      ['resume', 'a', 'b'],
    ]) {
      assert.equal((await node.run(args)).exitCode, 2, args.join(' '));
    }
    assert.deepEqual(node.temporal.sent, []);
  });
});
