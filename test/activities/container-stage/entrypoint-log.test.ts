import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withContainer } from '../../../src/activities/build/container-stage.ts';
import { createLiveBuilds } from '../../../src/activities/build/live-builds.ts';
import { takeEntrypointLog } from '../../../src/activities/container-stage/entrypoint-log.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { openProcess } from '../support/process.ts';
import { SCRIPT } from '../support/prepared-stage.ts';
import { createWorld } from '../support/world.ts';

const START = {
  ...{ nonce: 'nonce', containerId: 'id', previousStartedAt: '', sinceMs: 0 },
  opensStdin: true,
};

/** A stage whose container has an entrypoint that prints what the test says. */
function setUp() {
  const context = contextOf();
  const world = createWorld(context);
  const printed = { text: '' };
  /** Reads the log in a new process of the node. */
  const open = async (key = 'step_script#1') => {
    const { ports } = openProcess(world, {
      engine: {
        readLogs: async () => [{ stream: 'stdout', bytes: new TextEncoder().encode(printed.text) }],
      },
    });
    const build = await createLiveBuilds(ports).open(context.buildId);
    const appended: string[] = [];
    const { trace: writer } = build;
    const trace: typeof writer = {
      ...writer,
      appendBytesOnce: (key, stream, bytes) => {
        appended.push(key);
        return writer.appendBytesOnce(key, stream, bytes);
      },
    };
    const stage = withContainer(build, {
      ...{ key, place: 'build', ports, start: START, hasMarks: false },
      request: { stage: SCRIPT, attempt: 1, jobStatus: 'running' },
      taken: { untilByte: 0 },
    } as const);
    const read = (isComplete = false) =>
      takeEntrypointLog(Object.assign(build, { trace }), { ...stage, isComplete });
    return { read, appended };
  };
  return { open, printed, trace: () => world.spool.saved.text };
}

describe('the output of an entrypoint', () => {
  it('is copied as it grows, each byte once, and its last line when it has ended', async () => {
    const { open, printed, trace } = setUp();
    const { read } = await open();
    for (const text of ['one\n', 'one\ntwo', 'one\ntwo\nthree']) {
      printed.text = text;
      await read();
    }
    assert.equal(trace(), 'one\ntwo\n');
    await read(true);
    assert.equal(trace(), 'one\ntwo\nthree');
  });

  it('costs nothing more once it is copied, however often it is read', async () => {
    const { open, printed } = setUp();
    const { read, appended } = await open();
    for (let reading = 1; reading <= 10; reading += 1) {
      printed.text = 'one\n';
      await read();
    }
    printed.text += 'two\n';
    await read();
    assert.deepEqual(appended, ['step_script#1/entrypoint/0/0', 'step_script#1/entrypoint/4/0']);
  });

  it('is copied again from the beginning by another process, which may have missed some', async () => {
    const { open, printed, trace } = setUp();
    printed.text = 'one\n';
    await (await open()).read();
    printed.text += 'two\n';
    const second = await open();
    await second.read();
    assert.equal(second.appended.length, 2);
    assert.equal(trace(), 'one\ntwo\n');
  });

  for (const [how, last] of [
    ['is shorter', 'new\n'],
    ['begins in another way', 'new and longer than before\n'],
  ] as const) {
    it(`goes on after a warning when Docker has emptied its full log: the log ${how}`, async () => {
      const { open, printed, trace } = setUp();
      const { read } = await open();
      printed.text = 'one\ntwo\nthree\n';
      await read();
      printed.text = last;
      await read();
      await read();
      printed.text += 'end';
      await read(true);
      const [before, after = '', ...more] = trace().split(/.*WARNING: A part of what the .*\n/);
      assert.deepEqual([before, after, more], ['one\ntwo\nthree\n', `${last}end`, []]);
    });
  }

  it('goes on at the same place in the next process and the next stage after such a loss', async () => {
    const { open, printed, trace } = setUp();
    printed.text = 'one\ntwo\nthree\n';
    await (await open()).read();
    printed.text = 'new\n';
    await (await open()).read();
    printed.text += 'newer\n';
    await (await open()).read(true);
    printed.text += 'after\n';
    await (await open('after_script#1')).read(true);
    assert.match(trace(), /^one\ntwo\nthree\n.*WARNING.*\nnew\nnewer\nafter\n$/);
  });
});
