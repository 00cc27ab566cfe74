import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseContext } from '../../../src/domain/context/parse-context.ts';
import { reduceContext } from '../../../src/domain/context/reduce-context.ts';
import { contextOf } from '../job/context-fixture.ts';

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown;

describe('the record of a build', () => {
  const context = contextOf({ job: { variables: [{ key: 'A', value: 'x' }] } });
  const secret = { key: 'S', value: 's', public: false, file: true, masked: true, raw: true };

  const good: [record: unknown, why: string][] = [
    [context, 'as it was written'],
    [reduceContext(context), 'what is carried along of a job that is too large'],
    [{ ...context, secretVariables: [secret], exports: ['A=1'] }, 'with what was added to it'],
    [{ ...context, session: { id: 'a', token: 'b' } }, 'with a terminal'],
    [{ ...context, lostFiles: '/builds/x', rejection: 'no' }, 'of a build that cannot go on'],
    [{ ...context, runnerWorkflowId: 'serve-runner/one' }, 'with the workflow that counts it'],
    [{ ...context, receivedMonotonicMs: undefined }, 'of release 0.1.0'],
    [{ ...context, later: 1 }, 'of a later release'],
  ];
  for (const [record, why] of good) {
    it(`is read: ${why}`, () => {
      assert.deepEqual(parseContext(asJson(record)), asJson(record));
    });
  }

  const bad: [record: unknown, why: string][] = [
    [undefined, 'nothing'],
    [null, 'nothing'],
    [[context], 'a list'],
    ['build', 'text'],
    [{}, 'no field'],
    [{ ...context, runnerWorkflowId: 1 }, 'another type of its runner’s workflow'],
    [{ ...context, buildId: 1 }, 'another type of its id'],
    [{ ...context, concurrentId: undefined }, 'no number among the builds of its runner'],
    [{ ...context, job: undefined }, 'no job'],
    [{ ...context, job: { ...context.job, token: undefined } }, 'no token'],
    [{ ...context, job: { ...context.job, steps: {} } }, 'steps that are no list'],
    [{ ...context, job: { ...context.job, variables: [{ key: 'A' }] } }, 'a variable of no value'],
    [{ ...context, runner: { ...context.runner, url: null } }, 'no GitLab'],
    [{ ...context, runner: { ...context.runner, docker: [] } }, 'no configuration of Docker'],
    [{ ...context, program: {} }, 'no program'],
    [{ ...context, exports: 'A=1' }, 'exports that are no list'],
    [{ ...context, secretVariables: [1] }, 'secrets that are no variables'],
    [{ ...context, session: { id: 'a' } }, 'half a terminal'],
    [{ ...context, adoption: {} }, 'nothing of the node that it comes from'],
  ];
  for (const [record, why] of bad) {
    it(`is not what has ${why}`, () => {
      assert.equal(parseContext(record), undefined);
    });
  }
});
