import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AdoptionRequest } from '../../../src/activities/contract.ts';
import type { NodeCapacity, Ports } from '../../../src/ports/index.ts';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import { NODE_PROTOCOL } from '../../../src/domain/context/stage.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess, type WorkerProcess } from '../support/process.ts';
import { createWorld, type World } from '../support/world.ts';

const context = contextOf();

function orderOf(change: Partial<AdoptionRequest> = {}): AdoptionRequest {
  return {
    buildId: context.buildId,
    sealedJob: btoa(JSON.stringify(context)),
    fromQueue: 'gitlab-runner-node-lost',
    from: { name: 'lost', sinceMs: Date.UTC(2026, 10, 25, 3, 4, 5) },
    ...{ term: 1, purpose: 'run', ...change },
  };
}

interface Setting {
  readonly world: World;
  readonly process: WorkerProcess;
  /** The builds that have a slot. */
  readonly places: string[];
  readonly record: () => BuildContext | undefined;
}

function open({
  hasRoom = true,
  ports,
}: { hasRoom?: boolean; ports?: Partial<Ports> } = {}): Setting {
  const world = createWorld(context);
  world.disk.records.clear();
  const places: string[] = [];
  const capacity: NodeCapacity = {
    isWithin: () => true,
    acquire: () =>
      hasRoom
        ? Promise.resolve({
            keepFor: (buildId) => void places.push(buildId),
            lend: () => undefined,
            release: () => undefined,
          })
        : new Promise((_resolve, reject) => {
            setImmediate(() => reject(new Error('no longer waiting')));
          }),
    free: (buildId) => void world.freed.push(buildId),
  };
  const process = openProcess(world, { ports: { capacity, ...ports } });
  return { world, process, places, record: () => world.disk.records.get(context.buildId) };
}

const adopt = ({ process }: Setting, change: Partial<AdoptionRequest> = {}) =>
  runActivity(() => process.activities.fleet.adoptBuild(orderOf(change)));

describe('a build that is taken over', () => {
  it('has its own record here, with other names than on the lost node, and a slot', async () => {
    const setting = open();
    assert.deepEqual(await adopt(setting), {
      kind: 'adopted',
      nodeQueue: 'node-queue',
      protocol: NODE_PROTOCOL,
    });
    const record = setting.record();
    assert.equal(record?.job.token, context.job.token);
    assert.notEqual(record?.entropy, context.entropy);
    assert.deepEqual(record?.adoption, {
      ...{ term: 1, purpose: 'run' },
      from: { name: 'lost', sinceMs: Date.UTC(2026, 10, 25, 3, 4, 5) },
    });
    assert.deepEqual(setting.places, [context.buildId]);
    assert.match(
      setting.world.spool.saved.text,
      /^\n.*WARNING: Node lost has not answered since 2026-11-25 03:04:05 UTC, before the script began: the job starts again on node node-queue/,
    );
  });

  it('reports nothing to GitLab and starts nothing, because its workflow has to know first', async () => {
    const setting = open();
    await adopt(setting);
    assert.deepEqual(setting.world.gitlab.updates, []);
    assert.equal(setting.world.gitlab.trace, '');
    assert.equal(setting.world.docker.containers.size, 0);
  });

  it('is taken over once, however often the call is made', async () => {
    const setting = open();
    await adopt(setting);
    const first = setting.record();
    assert.deepEqual(await adopt(setting), {
      kind: 'adopted',
      nodeQueue: 'node-queue',
      protocol: NODE_PROTOCOL,
    });
    assert.equal(setting.record(), first);
  });

  it('is not taken over by its own node, which is back', async () => {
    const setting = open();
    setting.world.disk.records.set(context.buildId, context);
    assert.deepEqual(await adopt(setting, { fromQueue: 'node-queue' }), { kind: 'own' });
    assert.equal(setting.record(), context);
  });

  it('waits for a node with a free slot', async () => {
    const clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: () => Promise.resolve() };
    const setting = open({ hasRoom: false, ports: { clock } });
    await assert.rejects(adopt(setting), TransientError);
    assert.equal(setting.record(), undefined);
  });

  it('needs no slot if it is only reported', async () => {
    const setting = open({ hasRoom: false });
    assert.equal((await adopt(setting, { purpose: 'report' })).kind, 'adopted');
    assert.deepEqual(setting.places, []);
  });

  it('is refused when the encrypted job is that of another build', async () => {
    const setting = open();
    await assert.rejects(adopt(setting, { buildId: 'build/gitlab.example.com/1' }), {
      type: 'InvalidPayload',
    });
    assert.equal(setting.world.disk.records.size, 0);
  });

  it('replaces the leftovers of its earlier time on this node', async () => {
    const setting = open();
    setting.world.disk.records.set(context.buildId, context);
    await runActivity(() => setting.process.activities.node.prepareEnvironment(context));
    await adopt(setting, { term: 2 });
    assert.equal(setting.record()?.adoption?.term, 2);
    assert.equal(setting.world.docker.containers.size, 0);
  });
});
