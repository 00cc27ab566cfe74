import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerStatus } from '../../src/ports/index.ts';
import type { StageOutcome } from '../../src/domain/context/outcome.ts';
import { CANNOT_BEGIN } from '../../src/domain/script/stage-state.ts';
import { contextOf } from '../domain/job/context-fixture.ts';
import { runActivity } from './support/drive.ts';
import { until, type World } from './support/world.ts';
import { SOURCES, prepared, buildContainer } from './support/prepared-stage.ts';

describe('how a stage ends', () => {
  const killed = (status: Partial<ContainerStatus>) => ({ dies: status });
  const cases: [
    why: string,
    script: World['scripts'][string],
    expected: Partial<Record<'kind' | 'exitCode' | 'type', unknown>>,
    said: RegExp | undefined,
  ][] = [
    ['its script does', {}, { kind: 'succeeded' }, undefined],
    [
      'its exit code passes through',
      { exitCode: 3 },
      { kind: 'script_failed', exitCode: 3 },
      undefined,
    ],
    [
      'it used up its memory',
      killed({ exitCode: 137, oomKilled: true }),
      { kind: 'script_failed', exitCode: 137 },
      /ERROR: OOM killed: .*its limit is 64 MiB/,
    ],
    [
      'a child of it did, and the script noticed',
      { exitCode: 1, status: { oomKilled: true } },
      { kind: 'script_failed', exitCode: 1 },
      /OOM killed/,
    ],
    [
      'a process of it was killed, and the engine does not say why',
      { exitCode: 137 },
      { kind: 'script_failed', exitCode: 137 },
      /WARNING: Exit code 137: .*limited to 64 MiB/,
    ],
    [
      'somebody killed its container',
      killed({ exitCode: 137 }),
      { kind: 'system_failed', type: 'RunnerSystem' },
      undefined,
    ],
    [
      'Docker was restarted, whatever exit code it makes up',
      killed({ exitCode: 255 }),
      { kind: 'system_failed', type: 'RunnerSystem' },
      undefined,
    ],
    [
      'its shell vanished without a word: never a success',
      killed({ exitCode: 0 }),
      { kind: 'script_failed', exitCode: 1 },
      undefined,
    ],
    [
      'the entrypoint ended well without running it: no success either',
      { isSkipped: true },
      { kind: 'script_failed', exitCode: 1 },
      /ended with exit code 0 without running the script.*entrypoint/,
    ],
    [
      'the entrypoint failed',
      { isSkipped: true, exitCode: 127 },
      { kind: 'script_failed', exitCode: 127 },
      /exit code 127 without running/,
    ],
    [
      'the disk was too full to note that it begins: the script has not run',
      { isSkipped: true, exitCode: CANNOT_BEGIN },
      { kind: 'system_failed', type: 'RunnerSystem' },
      undefined,
    ],
  ];
  for (const [why, script, expected, said] of cases) {
    it(`is ${Object.values(expected).join(' ')}: ${why}`, async () => {
      const { runner } = contextOf();
      const docker = { ...runner.docker, memoryBytes: 64 * 1024 * 1024 };
      const changes = { runner: { docker } };
      const { world, run } = await prepared({ 'build#1': script }, { changes });
      const outcome = await run();
      for (const [key, value] of Object.entries(expected)) {
        assert.equal(outcome[key as keyof typeof outcome], value);
      }
      const { text } = world.spool.saved;
      if (said === undefined) assert.doesNotMatch(text, /ERROR/);
      else assert.match(text, said);
    });
  }
});

describe('how a stage ends behind an entrypoint', () => {
  const cases: [
    why: string,
    script: World['scripts'][string],
    expected: StageOutcome,
    said: RegExp | undefined,
  ][] = [
    ['both end well', {}, { kind: 'succeeded' }, undefined],
    [
      'the container ends as its script does',
      { exitCode: 3 },
      { kind: 'script_failed', exitCode: 3 },
      undefined,
    ],
    [
      'the entrypoint fails behind a good script',
      { status: { exitCode: 7 } },
      { kind: 'script_failed', exitCode: 7 },
      /WARNING: The script ended with exit code 0 and the container with 7/,
    ],
    [
      'the entrypoint forgives',
      { exitCode: 3, status: { exitCode: 0 } },
      { kind: 'succeeded' },
      /WARNING: The script ended with exit code 3 and the container with 0/,
    ],
    [
      'the entrypoint does the work by itself',
      { isSkipped: true },
      { kind: 'succeeded' },
      /WARNING: The container ended with exit code 0 without running the script/,
    ],
    [
      'the entrypoint fails before the script',
      { isSkipped: true, exitCode: 5 },
      { kind: 'script_failed', exitCode: 5 },
      /ERROR: The container ended with exit code 5 without running the script/,
    ],
    [
      'the entrypoint does not wait for the script',
      { dies: { exitCode: 0 } },
      { kind: 'succeeded' },
      /WARNING: The container ended with exit code 0 before the script came to its end/,
    ],
    [
      'Docker does not know any more how a good one ended',
      { status: { exitCode: 255 } },
      { kind: 'succeeded' },
      undefined,
    ],
    [
      'Docker does not know any more how a bad one ended',
      { exitCode: 3, status: { exitCode: 255 } },
      { kind: 'script_failed', exitCode: 3 },
      undefined,
    ],
  ];
  for (const [why, script, expected, said] of cases) {
    it(`is ${Object.values(expected).join(' ')}: ${why}`, async () => {
      const entrypoint = ['entrypoint'];
      const { world, run } = await prepared({ 'build#1': script }, { entrypoint });
      assert.deepEqual(await run(), expected);
      if (said === undefined) assert.doesNotMatch(world.spool.saved.text, /ERROR|WARNING/);
      else assert.match(world.spool.saved.text, said);
    });
  }

  it('is never a success of a helper that has not run its script', async () => {
    const entrypoint = ['entrypoint'];
    const { run } = await prepared({ 'helper#1': { isSkipped: true } }, { entrypoint });
    assert.deepEqual(await run(SOURCES), { kind: 'script_failed', exitCode: 1 });
  });

  it('is not decided by the entrypoint when the stage was stopped', async () => {
    const { node, build, run, world } = await prepared(
      { 'build#1': { isEndless: true } },
      { entrypoint: ['entrypoint'] },
    );
    const running = run();
    await until(() => world.started.length === 1);
    const container = buildContainer(world);
    const stopping = runActivity(() =>
      node.stopStage(build, { how: 'graceful', reason: 'the job was canceled' }),
    );
    container.status = { ...container.status, state: 'exited', exitCode: 0 };
    await stopping;
    assert.deepEqual(await running, { kind: 'stopped' });
  });
});
