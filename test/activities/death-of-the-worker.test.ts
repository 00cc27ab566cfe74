import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildContext } from '../../src/domain/context/context.ts';
import { contextOf } from '../domain/job/context-fixture.ts';
import { driveBuild } from './support/drive.ts';
import { createWorld, type Bells, type SpoolKeeps, type World } from './support/world.ts';

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

/** Everything that is visible of a build after its end. */
function seen(world: World) {
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
const jobs: [
  what: string,
  scripts: World['scripts'],
  spools: readonly SpoolKeeps[],
  entrypoint: readonly string[],
  bells?: Bells,
][] = [
  ['a build that succeeds', {}, ['promises'], []],
  ['a build whose helper is started for each stage', {}, ['promises'], [], 'none'],
  ['a build whose helper hears nothing', {}, ['promises'], [], 'unheard'],
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

for (const [what, scripts, spools, entrypoint, bells = 'heard'] of jobs) {
  describe(`${what}, and a worker that is killed at any call`, async () => {
    const context = jobContext();
    const undisturbed = createWorld(context, { scripts, entrypoint, bells });
    const expected = await driveBuild(undisturbed, context);

    it('ends as expected without a kill', () => {
      const { started, containers, records, notes, updates, lastWords } = seen(undisturbed);
      assert.equal(lastWords, scripts['build#1']?.entrypoint === undefined ? 0 : 1);
      const hasSources = scripts['helper#1'] === undefined;
      assert.deepEqual(started, [
        ...(hasSources ? ['helper#1', 'build#1', 'build#2'] : ['helper#1', 'build#1']),
        'helper#2',
      ]);
      assert.deepEqual([containers, records, notes], [[], [], []]);
      assert.equal(updates.length, 1);
      assert.equal(updates[0]?.byteSize, undisturbed.gitlab.trace.length);
      assert.ok(expected.calls > 50, `${expected.calls} calls`);
      const lines = ['build#1 begins\nbuild#1 ends\n', 'helper#1 ends', 'helper#2 begins'];
      for (const line of lines) {
        assert.ok(undisturbed.gitlab.trace.includes(line), line);
      }
    });

    for (const when of ['before', 'after'] as const) {
      for (const keeps of spools) {
        it(`ends the same when it dies ${when} the call's effect and ${keeps} of the trace last`, async () => {
          for (let call = 1; call <= expected.calls; call += 1) {
            const world = createWorld(context, { scripts, keeps, entrypoint, bells });
            const { outcome } = await driveBuild(world, context, { cut: { call, when } });
            assert.deepEqual(outcome, expected.outcome, `killed ${when} call ${call}`);
            assert.deepEqual(seen(world), seen(undisturbed), `killed ${when} call ${call}`);
          }
        });
      }
    }
  });
}
