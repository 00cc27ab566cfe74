import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLiveBuilds, type LiveBuild } from '../../../src/activities/build/live-builds.ts';
import { loseLease } from '../../../src/activities/build/lease.ts';
import { FinalError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, tick } from '../support/world.ts';

function open() {
  const context = contextOf();
  const world = createWorld(context);
  const live = createLiveBuilds(openProcess(world).ports);
  return { buildId: context.buildId, world, live };
}

async function openOne(): Promise<LiveBuild> {
  const { live, buildId } = open();
  return live.open(buildId);
}

describe('the builds of a process', () => {
  it('are one object each, however often and concurrently they are opened', async () => {
    const { live, buildId } = open();
    const [one, other] = await Promise.all([live.open(buildId), live.open(buildId)]);
    assert.equal(one, other);
    assert.equal(await live.find(buildId), one);
  });

  it('without a record on this node are undefined, and looked for again', async () => {
    const { live, world, buildId } = open();
    const record = world.disk.records.get(buildId);
    world.disk.records.clear();
    assert.equal(await live.find(buildId), undefined);
    await assert.rejects(live.open(buildId), FinalError);
    assert.ok(record !== undefined);
    world.disk.records.set(buildId, record);
    assert.ok((await live.find(buildId)) !== undefined);
  });

  it('are made anew after they were closed, and their uploader ends', async () => {
    const { live, buildId } = open();
    const before = await live.open(buildId);
    await live.close(buildId);
    assert.equal(before.finished.signal.aborted, true);
    assert.notEqual(await live.open(buildId), before);
  });

  it('are listed as lost once another node has them, until they are closed', async () => {
    const { live, buildId } = open();
    assert.deepEqual(await live.listLost(), []);
    loseLease(await live.open(buildId));
    assert.deepEqual(await live.listLost(), [buildId]);
    await live.close(buildId);
    assert.deepEqual(await live.listLost(), []);
  });

  it('can be closed without being open', async () => {
    const { live, buildId } = open();
    await live.close(buildId);
  });
});

describe('work of a build', () => {
  it('of one name is done once at a time, for all callers', async () => {
    const build = await openOne();
    let count = 0;
    const work = async (): Promise<number> => {
      await tick();
      return (count += 1);
    };
    const both = await Promise.all([build.joined('a', work), build.joined('a', work)]);
    assert.deepEqual([both, count], [[1, 1], 1]);
    assert.equal(await build.joined('a', work), 2);
  });

  it('of one name is done again after it failed', async () => {
    const build = await openOne();
    await assert.rejects(build.joined('a', () => Promise.reject(new Error('no'))));
    assert.equal(await build.joined('a', () => Promise.resolve(1)), 1);
  });

  it('can be waited for, however it ends', async () => {
    const build = await openOne();
    let hasEnded = false;
    const work = build.joined('a', async () => {
      await tick();
      hasEnded = true;
      throw new Error('no');
    });
    await build.settled('a');
    assert.equal(hasEnded, true);
    await assert.rejects(work);
    await build.settled('nothing of the kind');
  });

  it('with GitLab follows one another, also after a fault', async () => {
    const build = await openOne();
    const order: string[] = [];
    const send = (name: string, fails: boolean) => async (): Promise<void> => {
      order.push(`${name} begins`);
      await tick();
      order.push(`${name} ends`);
      if (fails) throw new Error('no');
    };
    const first = build.exclusively(send('first', true));
    const second = build.exclusively(send('second', false));
    await assert.rejects(first);
    await second;
    assert.deepEqual(order, ['first begins', 'first ends', 'second begins', 'second ends']);
  });
});
