import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildContext } from '../../src/domain/context/context.ts';
import type { JobVariable } from '../../src/domain/job/payload.ts';
import { buildVariables } from '../../src/domain/variables/variables.ts';
import { contextOf } from '../domain/job/context-fixture.ts';
import { driveBuild } from './support/drive.ts';
import { createWorld } from './support/world.ts';

/** One script and no sources: what it costs, every job pays. */
const TRIVIAL = {
  steps: [{ name: 'script', script: ['true'] }],
  variables: [{ key: 'GIT_STRATEGY', value: 'none' }],
};

/** A context that counts how often somebody looks at the variables of its job, one by one. */
function countingContext(): { readonly context: BuildContext; readonly looks: () => number } {
  const plain = contextOf({ job: TRIVIAL });
  const [first, ...rest] = plain.job.variables;
  assert.ok(first !== undefined);
  let looks = 0;
  const counted: JobVariable = {
    ...first,
    get value() {
      looks += 1;
      return first.value;
    },
  };
  const context = { ...plain, job: { ...plain.job, variables: [counted, ...rest] } };
  return { context, looks: () => looks };
}

/** How often the variables of a whole build were built, over all of its activities. */
async function countBuilt(): Promise<number> {
  const once = countingContext();
  buildVariables(once.context, { jobStatus: 'running' });
  const { context, looks } = countingContext();
  await driveBuild(createWorld(context), context);
  return looks() / once.looks();
}

describe('a trivial job', () => {
  it('has its variables built once', async () => {
    assert.equal(await countBuilt(), 1);
  });
});
