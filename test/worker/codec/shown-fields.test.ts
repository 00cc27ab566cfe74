import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { summarizeJob } from '../../../src/domain/build/summary.ts';
import { planStages } from '../../../src/domain/build/plan.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { showValue } from '../../../src/domain/view/show-value.ts';
import { SHOWN_FIELDS } from '../../../src/worker/codec/shown-fields.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';

const show = (value: unknown): unknown => showValue(value, SHOWN_FIELDS);

/** Replaces every text in a value by one that names its place. */
function plant(value: unknown, place: string): unknown {
  if (typeof value === 'string') return `canary-at-${place}`;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item, index) => plant(item, `${place}.${index}`));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, plant(inner, `${place}.${key}`)]),
  );
}

/** Names of fields that hold a secret somewhere in the payload of a job or in a runner's configuration. */
const SECRET_PLACES =
  /\.(token|password|value|secretKey|accessKey|sessionToken|accountKey|privateKey|credentialsFile|environment|script|sealedJob|vault|jwt)(\.|$)/;

describe('the decoded payloads that people see', () => {
  it('contain no secret of a job or its runner, even if a payload carries all of them', () => {
    const context = contextOf({
      job: {
        variables: [{ key: 'PASSWORD', value: 'hunter2', masked: true }],
        credentials: [{ type: 'registry', url: 'r', username: 'u', password: 'p' }],
        dependencies: [
          { id: 1, token: 't', name: 'n', artifacts_file: { filename: 'f', size: 1 } },
        ],
      },
    });
    const runner = {
      ...context.runner,
      environment: ['A=b'],
      cache: {
        s3: { accessKey: 'a', secretKey: 'b', sessionToken: 'c' },
        gcs: { privateKey: 'd', credentialsFile: 'e' },
        azure: { accountKey: 'f' },
      },
    };
    const planted = plant({ job: { ...context.job, sealedJob: 'x' }, runner }, '');
    const places = [...JSON.stringify(planted).matchAll(/canary-at-([^"]*)/g)].map(
      ([, place = '']) => place,
    );
    const secret = places.filter((place) => SECRET_PLACES.test(place));
    for (const name of ['token', 'password', 'value', 'secretKey', 'accountKey', 'privateKey']) {
      assert.ok(
        secret.some((place) => place.endsWith(`.${name}`)),
        `nothing was planted at ${name}`,
      );
    }
    const shown = JSON.stringify(show(planted));
    for (const place of secret) assert.ok(!shown.includes(`canary-at-${place}"`), place);
  });

  it('contain the whole summary of a job with masked variables hidden', () => {
    const context = contextOf({
      job: {
        job_info: { name: 'rspec hunter2-hunter2', stage: 'test', project_id: 42, pipeline_id: 99 },
        variables: [{ key: 'PASSWORD', value: 'hunter2-hunter2', masked: true }],
      },
    });
    const variables = buildVariables(context, { jobStatus: 'running' });
    const summary = summarizeJob(context, planStages(context, variables));
    const passed: unknown = JSON.parse(JSON.stringify(summary));
    assert.deepEqual(show(passed), passed);
    assert.equal(summary.jobName, 'rspec [MASKED]');
    assert.doesNotMatch(JSON.stringify(summary), /hunter2/);
  });

  it('contain nothing of the encrypted job', () => {
    assert.deepEqual(show({ rescue: { sealedJob: 'canary', isWhole: true, waitMs: 1 } }), {
      rescue: { sealedJob: '[HIDDEN]', isWhole: true, waitMs: 1 },
    });
  });

  it('contain message and stack of a failure, without tokens', () => {
    const failure = { message: 'refused: glrt-AbCdEfGhIjKl', stack_trace: 'Error: at a.ts' };
    assert.deepEqual(show(failure), {
      message: 'refused: glrt-[MASKED]',
      stack_trace: 'Error: at a.ts',
    });
  });
});
