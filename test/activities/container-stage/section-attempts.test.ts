import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import { ContainerGone } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const REQUEST = {
  stage: { name: 'step_script', place: 'build', attempts: 1 },
  attempt: 1,
  jobStatus: 'running',
} as const;

/** Runs a script whose container vanishes this often, in a job that allows so many attempts. */
async function run({ attempts, vanishes }: { attempts?: string; vanishes: number }) {
  const variables =
    attempts === undefined ? [] : [{ key: 'EXECUTOR_JOB_SECTION_ATTEMPTS', value: attempts }];
  const context = contextOf({ job: { variables } });
  const { buildId } = context;
  const world = createWorld(context);
  let starts = 0;
  const { ports } = openProcess(world);
  const startContainer = (name: string): Promise<void> => {
    const gone = new ContainerGone('build');
    // The early start names the container by its id. Nobody waits for it.
    if (name.startsWith('id-') && name.endsWith('-build')) return Promise.reject(gone);
    if (name.endsWith('-build')) starts += 1;
    if (name.endsWith('-build') && starts <= vanishes) return Promise.reject(gone);
    return ports.engine(context.runner).startContainer(name);
  };
  const process = openProcess(world, { engine: { startContainer } });
  const { node } = process.activities;
  await runActivity(() => node.prepareEnvironment({ buildId }));
  const outcome: StageOutcome = await runActivity(() => node.runStage({ buildId }, REQUEST));
  return { outcome, starts, said: world.spool.saved.text };
}

describe('a stage whose container vanishes', () => {
  it('fails the job as a fault of the system, unless the job allows more attempts', async () => {
    const { outcome, starts, said } = await run({ vanishes: 1 });
    assert.ok(outcome.kind === 'system_failed' && outcome.type === 'RunnerSystem');
    assert.match(outcome.message, /^container "build" is gone: something other than this runner /);
    assert.equal(starts, 1);
    assert.doesNotMatch(said, /Will retry/);
  });

  it('is run again in a new one, as often as the job allows', async () => {
    const { outcome, starts, said } = await run({ attempts: '3', vanishes: 2 });
    assert.deepEqual([outcome, starts], [{ kind: 'succeeded' }, 3]);
    assert.equal(said.split('not found or removed. Will retry...').length, 3);
    assert.match(said, /Retrying step_script/);
    assert.doesNotMatch(said, /exceeded/);
  });

  it('fails when all attempts are used up, and the log says so', async () => {
    const { outcome, starts, said } = await run({ attempts: '2', vanishes: 9 });
    assert.deepEqual([outcome.kind, starts], ['system_failed', 2]);
    assert.match(said, /Execution attempts exceeded/);
  });
});
