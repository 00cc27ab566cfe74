import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import type { Clock } from '../../../src/ports/index.ts';
import {
  buildContainer,
  prepared,
  runStageOn,
  SCRIPT,
  SOURCES,
} from '../support/prepared-stage.ts';
import { openProcess } from '../support/process.ts';
import type { FakeContainer, World } from '../support/world.ts';

const MACHINE_WAS_RESTARTED = /the machine was restarted/;

function clockOf(boot: string | undefined, nowMs = 1_000_000): Clock {
  const now = (): number => nowMs;
  return { nowMs: now, monotonicMs: now, sleep: () => Promise.resolve(), boot };
}

interface Restart {
  /** The boot in the note about the start. */
  readonly noted: string | undefined;
  /** The boot of the process that finds the note. */
  readonly now: string | undefined;
  readonly nowMs?: number;
}

interface Found {
  readonly world: World;
  readonly container: FakeContainer;
  readonly outcome: StageOutcome;
}

/**
 * A stage whose start was noted, and whose container has ended with no trace of a beginning on the
 * node's disk. Another process runs the stage.
 */
async function findEnded(
  { noted, now, nowMs }: Restart,
  change: (world: World, container: FakeContainer) => void = () => undefined,
): Promise<Found> {
  const { world, build } = await prepared({});
  const container = buildContainer(world);
  world.disk.notes.set('had-script', true);
  world.disk.notes.set('start step_script#1', {
    ...{ nonce: 'nonce-1', containerId: container.status.id, previousStartedAt: '' },
    ...{ sinceMs: 1_000_000, opensStdin: false, early: true, marks: true, boot: noted },
  });
  container.status = { ...container.status, state: 'exited', exitCode: 255 };
  change(world, container);
  const { node } = openProcess(world, { ports: { clock: clockOf(now, nowMs) } }).activities;
  return { world, container, outcome: await runStageOn(node, build)(SCRIPT) };
}

function assertRefused({ world, outcome }: Found): void {
  assert.ok(outcome.kind === 'system_failed', JSON.stringify(outcome));
  assert.match(outcome.message, MACHINE_WAS_RESTARTED);
  assert.deepEqual(world.started, []);
}

describe('a script of which the disk knows no beginning', () => {
  const restarts: [why: string, restart: Restart][] = [
    ['the machine has another boot', { noted: 'boot-1', now: 'boot-2' }],
    ['an earlier release has noted no boot', { noted: undefined, now: 'boot-2' }],
    ['the clock of the boot has begun anew', { noted: undefined, now: undefined, nowMs: 10 }],
  ];
  for (const [why, restart] of restarts) {
    it(`is not run, because it may have begun: ${why}`, async () => {
      assertRefused(await findEnded(restart));
    });
  }

  it('is not run when somebody has removed its container since', async () => {
    const restart = { noted: 'boot-1', now: 'boot-2' };
    assertRefused(await findEnded(restart, ({ docker }) => docker.containers.clear()));
  });

  it('is not run when Docker itself has lost the start of the container', async () => {
    const found = await findEnded({ noted: 'boot-1', now: 'boot-2' }, ({ disk }, { status }) => {
      const note = disk.notes.get('start step_script#1') as object;
      const start = { ...note, early: undefined, previousStartedAt: status.startedAt };
      disk.notes.set('start step_script#1', start);
    });
    assertRefused(found);
  });

  it('is run when only Docker was restarted', async () => {
    for (const boot of ['boot-1', undefined]) {
      const { world, outcome } = await findEnded({ noted: boot, now: boot });
      assert.deepEqual([outcome, world.started.length], [{ kind: 'succeeded' }, 1]);
    }
  });

  it('is run in a container that is alive', async () => {
    const restart = { noted: 'boot-1', now: 'boot-2' };
    const { outcome } = await findEnded(restart, (_world, container) => {
      container.status = { ...container.status, state: 'running' };
    });
    assert.deepEqual(outcome, { kind: 'succeeded' });
  });
});

describe('the note about the start of a stage', () => {
  it('has the boot of the machine', async () => {
    const { world, run } = await prepared({}, { ports: { clock: clockOf('boot-1') } });
    for (const [stage, key] of [
      [SOURCES, 'get_sources#1'],
      [SCRIPT, 'step_script#1'],
    ] as const) {
      assert.deepEqual(await run(stage), { kind: 'succeeded' });
      const note = world.disk.notes.get(`start ${key}`) as { readonly boot?: unknown };
      assert.equal(note.boot, 'boot-1');
    }
  });
});
