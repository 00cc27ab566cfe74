import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withInputs } from '../../../src/domain/build/inputs.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import { parseJobPayload } from '../../../src/domain/job/parse-payload.ts';
import type { JobPayload } from '../../../src/domain/job/payload.ts';
import { contextOf, payloadJson, type ContextChanges } from './context-fixture.ts';

const X = '${{ job.inputs.x }}';

function input(key: string, content: unknown, more: object = { type: 'string' }) {
  return { key, value: { content, ...more } };
}

const INPUTS = [
  input('x', 'put-in'),
  input('secret', 'hunter2', { type: 'string', sensitive: true }),
];

function interpolated(job: Readonly<Record<string, unknown>>, changes: ContextChanges = {}) {
  return withInputs(contextOf({ ...changes, job: { inputs: INPUTS, ...job } })).draft;
}

const fields: readonly (readonly [
  place: string,
  job: Readonly<Record<string, unknown>>,
  read: (job: JobPayload) => unknown,
])[] = [
  ['script', { steps: [{ name: 'script', script: ['a', X] }] }, (job) => job.steps[0]?.script[1]],
  [
    'after_script',
    { steps: [{ name: 'after_script', script: [X] }] },
    (job) => job.steps[0]?.script[0],
  ],
  ['image.name', { image: { name: X } }, (job) => job.image.name],
  ['image.command', { image: { command: [X] } }, (job) => job.image.command[0]],
  ['image.entrypoint', { image: { entrypoint: [X] } }, (job) => job.image.entrypoint[0]],
  ['image.pull_policy', { image: { pull_policy: [X] } }, (job) => job.image.pull_policy[0]],
  [
    'image platform',
    { image: { executor_opts: { docker: { platform: X } } } },
    (job) => job.image.executor_opts.docker.platform,
  ],
  [
    'image user',
    { image: { executor_opts: { docker: { user: X } } } },
    (job) => job.image.executor_opts.docker.user,
  ],
  ['service name', { services: [{ name: X }] }, (job) => job.services[0]?.name],
  ['service command', { services: [{ command: [X] }] }, (job) => job.services[0]?.command[0]],
  ['artifact name', { artifacts: [{ name: X }] }, (job) => job.artifacts[0]?.name],
  ['artifact paths', { artifacts: [{ paths: [X] }] }, (job) => job.artifacts[0]?.paths[0]],
  ['artifact exclude', { artifacts: [{ exclude: [X] }] }, (job) => job.artifacts[0]?.exclude[0]],
  ['artifact when', { artifacts: [{ when: X }] }, (job) => job.artifacts[0]?.when],
  ['artifact expire_in', { artifacts: [{ expire_in: X }] }, (job) => job.artifacts[0]?.expire_in],
  ['cache key', { cache: [{ key: X }] }, (job) => job.cache[0]?.key],
  ['cache policy', { cache: [{ policy: X }] }, (job) => job.cache[0]?.policy],
  ['cache paths', { cache: [{ paths: [X] }] }, (job) => job.cache[0]?.paths[0]],
  ['cache when', { cache: [{ when: X }] }, (job) => job.cache[0]?.when],
  ['cache fallback', { cache: [{ fallback_keys: [X] }] }, (job) => job.cache[0]?.fallback_keys[0]],
];

const untouched: typeof fields = [
  ['other steps', { steps: [{ name: 'release', script: [X] }] }, (job) => job.steps[0]?.script[0]],
  ['variables', { variables: [{ key: 'K', value: X }] }, (job) => job.variables[0]?.value],
  ['service alias', { services: [{ alias: X }] }, (job) => job.services[0]?.alias],
  ['hooks', { hooks: [{ name: 'pre', script: [X] }] }, (job) => job.hooks[0]?.script[0]],
];

describe('inputs of a job', () => {
  for (const [place, job, read] of fields) {
    it(`are inserted into ${place}`, () => {
      assert.equal(read(interpolated(job).job), 'put-in');
    });
  }

  for (const [place, job, read] of untouched) {
    it(`are not inserted into ${place}`, () => {
      assert.equal(read(interpolated(job).job), X);
    });
  }

  it('change nothing in a job that has none, whatever it contains', () => {
    const job = { steps: [{ name: 'script', script: ['${{ broken', '\\${{ x }}'] }] };
    const build = contextOf({ job });
    assert.deepEqual(withInputs(build).draft, build);
  });

  it('are not inserted when a flag of the configuration or of the job turns that off', () => {
    const flag = 'FF_ENABLE_JOB_INPUTS_INTERPOLATION';
    const job = { steps: [{ name: 'script', script: [X] }] };
    const byConfig = interpolated(job, { runner: { featureFlags: { [flag]: false } } });
    const byJob = interpolated({ ...job, variables: [{ key: flag, value: 'false' }] });
    for (const build of [byConfig, byJob]) assert.equal(build.job.steps[0]?.script[0], X);
  });

  it('fail the job as a configuration error, with the place, when they cannot be inserted', () => {
    const build = interpolated({
      steps: [{ name: 'script', script: ['a', '${{ job.inputs.y }}'] }],
    });
    assert.equal(build.rejectionReason, 'runner_configuration_error');
    assert.equal(build.rejection, 'failed to interpolate job inputs: script[1]: there is no "y"');
  });

  it('fail the job when a sensitive one is used, and do not show it', () => {
    const build = interpolated({ image: { name: 'i:${{ job.inputs.secret }}' } });
    assert.equal(build.rejectionReason, 'runner_configuration_error');
    assert.equal(
      build.rejection,
      'image.name: sensitive inputs are unsupported in interpolations yet',
    );
  });
});

const counted: readonly (readonly [
  script: readonly string[],
  texts: number,
  fault: string | undefined,
  why: string,
])[] = [
  [[X, `${X} ${X}`, 'plain'], 2, undefined, 'two texts with expressions, one of them with two'],
  [['\\${{ x }}'], 0, undefined, 'an escaped expression is none'],
  [['${{ "" }}'], 1, undefined, 'an expression without an input'],
  [[X, '${{ broken'], 1, 'parse', 'one that cannot be parsed'],
  [[X, '${{ job.inputs.y }}'], 1, 'evaluation', 'one without a value'],
  [['${{ job.inputs.secret }}'], 0, 'sensitive_unsupported', 'a sensitive input'],
];

describe('the interpolations of a job', () => {
  for (const [script, texts, fault, why] of counted) {
    it(`are ${texts}, ${fault ?? 'without a fault'}: ${why}`, () => {
      const job = { inputs: INPUTS, steps: [{ name: 'script', script }] };
      assert.deepEqual(withInputs(contextOf({ job })).interpolations, { texts, fault });
    });
  }
});

const broken: readonly (readonly [input: unknown, message: RegExp, why: string])[] = [
  [{}, /inputs\[0\]\.key: expected the name/, 'no name'],
  [{ key: 'k' }, /value\.type: expected one of string/, 'no value'],
  [input('k', null), /value\.content: expected a value of the type string/, 'null'],
  [input('k', 'v', { type: 'odd' }), /value\.type: expected one of/, 'a type that is none'],
  [input('k', 'v', { type: 'number' }), /content: expected a value of the type number/, 'text'],
  [input('k', 1), /content: expected a value of the type string/, 'a number for text'],
  [input('k', {}, { type: 'array' }), /of the type array/, 'an object for an array'],
  [input('k', 'a\0b'), /NUL/, 'no script can hold a NUL'],
  [input('k', ['a\0b'], { type: 'array' }), /NUL/, 'nor by an array'],
];

describe('reading inputs', () => {
  for (const [value, message, why] of broken) {
    it(`refuses ${JSON.stringify(value)}: ${why}`, () => {
      assert.throws(() => parseJobPayload(payloadJson({ inputs: [value] })), {
        type: FailureType.InvalidPayload,
        message,
      });
    });
  }

  it('keeps every type of input', () => {
    const inputs = [
      input('s', 't', { type: 'string', sensitive: true }),
      input('n', 0.5, { type: 'number', sensitive: false }),
      input('b', false, { type: 'boolean', sensitive: false }),
      input('a', [1, [null]], { type: 'array', sensitive: false }),
      input('o', { __proto__: null, k: {} }, { type: 'struct', sensitive: false }),
    ];
    const job = parseJobPayload(payloadJson({ inputs: JSON.parse(JSON.stringify(inputs)) }));
    assert.deepEqual(JSON.parse(JSON.stringify(job.inputs)), JSON.parse(JSON.stringify(inputs)));
  });

  it('refuses values that are nested too deeply', () => {
    let content: unknown = 1;
    for (let depth = 0; depth < 10_000; depth += 1) content = [content];
    const job = payloadJson({ inputs: [input('k', content, { type: 'array' })] });
    assert.throws(() => parseJobPayload(job), { message: /nested at most 50 times/ });
  });
});
