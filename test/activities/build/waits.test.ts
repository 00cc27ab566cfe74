import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { openWaits, type Waits } from '../../../src/activities/build/waits.ts';
import { tellWaits } from '../../../src/activities/build/tell-waits.ts';
import type { LiveBuild } from '../../../src/activities/build/live-builds.ts';
import { readClearValue } from '../../../src/domain/clear-text.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import type { NodeWait } from '../../../src/domain/build/wait.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';

interface Setting {
  readonly waits: Waits;
  /** The texts of all waits in each signal to the workflow. */
  readonly told: readonly string[];
  pass(ms: number): Promise<void>;
}

/** A build whose timers pass when the test says so. `isAway`: Temporal takes no signal. */
async function withWaits(
  work: (setting: Setting) => Promise<void>,
  isAway: () => boolean = () => false,
): Promise<void> {
  mock.timers.enable({ apis: ['setTimeout'] });
  const told: string[] = [];
  const { clock } = openProcess(createWorld(contextOf())).ports;
  const workflows = {
    cancel: () => Promise.reject(new Error('nothing is canceled here')),
    signal: (_id: string, { args }: { readonly args: readonly unknown[] }) => {
      if (isAway()) return Promise.reject(new Error('Temporal is away'));
      const waits = readClearValue(args[0])?.value as readonly NodeWait[];
      told.push(waits.map(({ key, what, status }) => `${key}: ${what} ${status}`).join('; '));
      return Promise.resolve(true);
    },
  };
  const pass = async (ms: number): Promise<void> => {
    mock.timers.tick(ms);
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  try {
    await work({ waits: openWaits('build/x/1', { workflows, clock }), told, pass });
  } finally {
    mock.timers.reset();
  }
}

describe('the waits of a build on its node', () => {
  it('are signaled to the workflow after two seconds, and so is their end', () =>
    withWaits(async ({ waits, told, pass }) => {
      waits.begin('docker', { what: 'Docker' });
      await pass(1_999);
      assert.deepEqual(told, []);
      await pass(1);
      waits.begin('uploadTrace', { what: 'GitLab', status: 503 });
      waits.begin('docker', { what: 'Docker' });
      await pass(2_000);
      waits.end('docker');
      waits.end('uploadTrace');
      await pass(2_000);
      assert.deepEqual(told, [
        'docker: Docker undefined',
        'docker: Docker undefined; uploadTrace: GitLab 503',
        '',
      ]);
    }));

  it('are not signaled when they end sooner', () =>
    withWaits(async ({ waits, told, pass }) => {
      const reason = { what: 'an image to be pulled' } as const;
      await waits.during('image', reason, () => Promise.resolve());
      await assert.rejects(
        waits.during('image', reason, () => Promise.reject(new Error('no such image'))),
      );
      await pass(10_000);
      assert.deepEqual(told, []);
    }));

  it('are signaled later when Temporal is away, and never after the build is closed', async () => {
    let isAway = true;
    await withWaits(
      async ({ waits, told, pass }) => {
        waits.begin('docker', { what: 'Docker' });
        await pass(2_000);
        isAway = false;
        await pass(10_000);
        assert.deepEqual(told, ['docker: Docker undefined']);
        waits.end('docker');
        waits.close();
        await pass(10_000);
        assert.equal(told.length, 1);
      },
      () => isAway,
    );
  });

  it('are signaled at most a hundred times, the last time with none', () =>
    withWaits(async ({ waits, told, pass }) => {
      for (let status = 100; status < 300; status += 1) {
        waits.begin('gitlab', { what: 'GitLab', status });
        await pass(2_000);
      }
      assert.equal(told.length, 100);
      assert.equal(told.at(-1), '');
    }));

  it('include each call that has failed for a while, until one of its name succeeds', () =>
    withWaits(async ({ waits, told, pass }) => {
      const faults = [
        new TransientError('cannot reach Docker', { from: 'docker' }),
        new TransientError('busy', { from: 'gitlab', status: 503 }),
        new TransientError('who knows'),
      ];
      const node = tellWaits(
        {
          runStage: ({ buildId }: { readonly buildId: string }) => {
            assert.equal(buildId, 'build/x/1');
            const fault = faults.shift();
            return fault === undefined ? Promise.resolve('ended') : Promise.reject(fault);
          },
        },
        { known: () => ({ waits }) as LiveBuild },
      );
      for (let left = faults.length; left > 0; left -= 1) {
        await assert.rejects(node.runStage({ buildId: 'build/x/1' }), TransientError);
        await pass(2_000);
      }
      assert.equal(await node.runStage({ buildId: 'build/x/1' }), 'ended');
      await pass(2_000);
      assert.deepEqual(told, [
        ...['runStage: Docker undefined', 'runStage: GitLab 503'],
        ...['runStage: another try undefined', ''],
      ]);
    }));
});
