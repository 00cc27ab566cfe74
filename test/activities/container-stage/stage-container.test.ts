import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { gate } from '../../support/gate.ts';
import { runActivity } from '../support/drive.ts';
import { buildContainer, runStageOn, SCRIPT } from '../support/prepared-stage.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, tick } from '../support/world.ts';

describe('following a stage', () => {
  it('fails only when nothing reads the log of its entrypoint any more', async () => {
    const context = contextOf();
    const scripts = { 'build#1': { isEndless: true } };
    const world = createWorld(context, { entrypoint: ['sh'], scripts });
    const { traces } = openProcess(world).ports;
    const [following, reading, read] = [gate(), gate(), gate()];
    let isFollowing = false;
    const { node } = openProcess(world, {
      engine: {
        readLogs: async () => {
          if (isFollowing) {
            reading.open();
            await read.opened;
          }
          return [];
        },
      },
      ports: {
        traces: {
          ...traces,
          open: async (...args) => {
            const writer = await traces.open(...args);
            return Object.assign(Object.create(writer) as typeof writer, {
              followFile: async () => {
                isFollowing = true;
                await reading.opened;
                following.open();
                throw new Error('lost output');
              },
            });
          },
        },
      },
    }).activities;
    const build = { buildId: context.buildId };
    await runActivity(() => node.prepareEnvironment(build));
    let hasFailed = false;
    const failing = runStageOn(
      node,
      build,
    )(SCRIPT).catch((error: unknown) => {
      hasFailed = true;
      return error;
    });
    await following.opened;
    for (let turn = 0; turn < 50; turn += 1) await tick();
    assert.equal(hasFailed, false);
    read.open();
    assert.match(String(await failing), /lost output/);
    const container = buildContainer(world);
    container.status = { ...container.status, state: 'exited' };
  });
});
