import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Adoption } from '../../../src/domain/context/failover.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { driveBuild, runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, type World } from '../support/world.ts';

const ADOPTION: Adoption = { term: 1, purpose: 'run', from: { name: 'node-1', sinceMs: 0 } };
const { runner } = contextOf();
const context = contextOf({
  // The official helper image is looked up before it is pulled, so a second try prints less.
  runner: { docker: { ...runner.docker, helperImage: 'helper' } },
  context: { adoption: ADOPTION },
});

/** GitLab's part of a build of another node when this node continues it. */
function worldWith(trace: string): World {
  const world = createWorld(context);
  world.gitlab.trace = trace;
  return world;
}

describe('the trace of a build that was another node’s', () => {
  it('begins where GitLab’s trace ends, and has no checksum, because no node has all of it', async () => {
    const world = worldWith('half a li');
    await driveBuild(world, context);
    const fresh = createWorld(context);
    await driveBuild(fresh, context);
    assert.equal(world.gitlab.trace, `half a li${fresh.gitlab.trace}`);
    assert.deepEqual(world.gitlab.updates.at(-1), { state: 'success' });
  });

  it('has its checksum when the other node had sent nothing', async () => {
    const world = worldWith('');
    await driveBuild(world, context);
    assert.equal(world.gitlab.updates.at(-1)?.byteSize, world.gitlab.trace.length);
  });

  for (const before of ['', 'what the lost node sent\n']) {
    for (const when of ['before', 'after'] as const) {
      it(`has every byte once after ${before.length} bytes when this node is killed ${when} any call`, async () => {
        const whole = worldWith(before);
        const { calls } = await driveBuild(whole, context);
        for (let call = 1; call <= calls; call += 1) {
          const world = worldWith(before);
          await driveBuild(world, context, { cut: { call, when } });
          assert.equal(world.gitlab.trace, whole.gitlab.trace, `killed ${when} call ${call}`);
          assert.deepEqual(world.gitlab.updates.at(-1), whole.gitlab.updates.at(-1));
        }
      });
    }
  }

  it('begins after the bytes that the other node sent at the last moment', async () => {
    const world = worldWith('old');
    const { coordinator } = openProcess(world).ports;
    const { patchTrace } = coordinator(context.runner);
    const starts: number[] = [];
    const { node } = openProcess(world, {
      coordinator: {
        patchTrace: (job, patch) => {
          starts.push(patch.window.startByte);
          // This is between the runner's request for the length and its patch.
          if (starts.length === 2) world.gitlab.trace += ' and late';
          return patchTrace(job, patch);
        },
      },
    }).activities;
    await runActivity(() => node.reportResult(context, { state: 'success' }));
    assert.deepEqual(starts, [0, 3, 12]);
    assert.match(world.gitlab.trace, /^old and late.*Job succeeded/);
  });

  it('continues where GitLab’s trace ends when GitLab has lost bytes of the other node', async () => {
    const world = worldWith('what the lost node sent\n');
    const { coordinator } = openProcess(world).ports;
    const { patchTrace } = coordinator(context.runner);
    let patches = 0;
    const { node } = openProcess(world, {
      coordinator: {
        patchTrace: async (job, patch) => {
          const reply = await patchTrace(job, patch);
          patches += 1;
          // GitLab accepted the first patch and lost all of it.
          if (patches === 2) world.gitlab.trace = 'what';
          return reply;
        },
      },
    }).activities;
    await runActivity(() => node.acknowledgeJob(context));
    const uploading = runActivity(() => node.uploadTrace(context, { ignoreCanceling: false }));
    while (patches < 2) await new Promise((resolve) => setImmediate(resolve));
    await runActivity(() => node.reportResult(context, { state: 'success' }));
    await uploading;
    assert.match(world.gitlab.trace, /^what.*Running with[^]*Job succeeded/);
  });
});
