import assert from 'node:assert/strict';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { driveBuild, type Drive } from './drive.ts';
import { createWorld, type WakePipes, type SpoolKeeps, type World } from './world.ts';

/** Sources, script, after_script and clean-up, in two containers. */
function jobContext(): BuildContext {
  const { runner } = contextOf();
  return contextOf({
    // The official helper image is looked up before it is pulled, so a second try prints less.
    runner: { docker: { ...runner.docker, helperImage: 'helper' } },
    job: {
      steps: [
        { name: 'script', script: ['make'] },
        { name: 'after_script', script: ['tidy'] },
      ],
      variables: [{ key: 'KEY', value: 'secret', file: true }],
      features: { trace_sections: true },
    },
  });
}

/**
 * Calls of Docker while the script writes its file. A process that was dead does not know which of
 * them came first.
 */
const LAST_WORDS = 'entrypoint after';

/** Returns everything that is visible of a build after its end. */
export function seen(world: World) {
  const { docker, disk, gitlab, started, freed } = world;
  const [before = '', ...after] = gitlab.trace.split(LAST_WORDS);
  return {
    started,
    trace: before + after.join(''),
    lastWords: after.length,
    updates: gitlab.updates.filter(({ state }) => state !== 'running'),
    containers: [...docker.containers.keys()],
    records: [...disk.records.keys()],
    notes: [...disk.notes.keys()],
    spooled: world.spool.saved.text,
    isFreed: freed.length > 0,
  };
}

/**
 * The second kind of spool keeps all that the first one keeps, and more. Tests run with both kinds.
 */
export const KILLED_JOBS: readonly [
  what: string,
  scripts: World['scripts'],
  spools: readonly SpoolKeeps[],
  entrypoint: readonly string[],
  wakePipes?: WakePipes,
][] = [
  ['a build that succeeds', {}, ['promises'], []],
  ['a build whose helper is started for each stage', {}, ['promises'], [], 'none'],
  ['a build whose helper notices no pipe', {}, ['promises'], [], 'unshared'],
  ['a build whose sources fail', { 'helper#1': { exitCode: 2 } }, ['promises'], []],
  [
    'a build whose script fails, in an image with a talking entrypoint',
    { 'build#1': { exitCode: 3, entrypoint: 'entrypoint' } },
    ['promises', 'everything'],
    ['entrypoint'],
  ],
  [
    'a build in an image whose entrypoint drops its command',
    { 'build#1': { exitCode: 3, dropsCommand: true }, 'build#2': { dropsCommand: true } },
    ['promises'],
    ['sh'],
  ],
];

/** A series of builds, each of whose workers is killed at another call. */
export interface Kills {
  /** The index in {@link KILLED_JOBS}. */
  readonly job: number;
  readonly when: 'before' | 'after';
  readonly keeps: SpoolKeeps;
}

/** Runs a job without a kill. */
export async function runUndisturbed(
  job: number,
): Promise<{ readonly world: World; readonly expected: Drive }> {
  const [, scripts, , entrypoint, wakePipes = 'shared'] = KILLED_JOBS[job]!;
  const context = jobContext();
  const world = createWorld(context, { scripts, entrypoint, wakePipes });
  return { world, expected: await driveBuild(world, context) };
}

/** Checks that the job ends in the same way, whichever call its worker is killed at. */
export async function killAtEachCall({ job, when, keeps }: Kills): Promise<void> {
  const [, scripts, , entrypoint, wakePipes = 'shared'] = KILLED_JOBS[job]!;
  const context = jobContext();
  const { world: undisturbed, expected } = await runUndisturbed(job);
  for (let call = 1; call <= expected.calls; call += 1) {
    const world = createWorld(context, { scripts, keeps, entrypoint, wakePipes });
    const { outcome } = await driveBuild(world, context, { cut: { call, when } });
    assert.deepEqual(outcome, expected.outcome, `killed ${when} call ${call}`);
    assert.deepEqual(seen(world), seen(undisturbed), `killed ${when} call ${call}`);
  }
}
