import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';
import {
  emptyPayload,
  parseJobIdentity,
  parseJobPayload,
} from '../../../src/domain/job/parse-payload.ts';
import { payloadJson } from './context-fixture.ts';

const identity = { id: 1, token: 't' };

describe('parseJobPayload', () => {
  it('keeps every field of a complete job', () => {
    const whole = {
      id: 5,
      token: 'glcbt-x',
      allow_git_fetch: true,
      job_info: {
        name: 'n',
        stage: 's',
        project_id: 2,
        project_name: 'p',
        project_full_path: 'g/p',
        pipeline_id: 3,
        time_in_queue_seconds: 1.5,
        project_jobs_running_on_instance_runners_count: '10+',
        queue_size: 7,
        queue_depth: 3,
      },
      git_info: {
        repo_url: 'https://h/g/p.git',
        repo_object_format: 'sha1',
        ref: 'main',
        sha: 'a'.repeat(40),
        before_sha: '0'.repeat(40),
        refspecs: ['+refs/pipelines/3:refs/pipelines/3'],
        depth: 20,
        protected: true,
      },
      runner_info: { timeout: 60 },
      variables: [{ key: 'K', value: 'v', public: true, file: true, masked: true, raw: true }],
      steps: [{ name: 'script', script: ['a'] }],
      image: {
        name: 'i',
        alias: 'a b',
        entrypoint: [''],
        command: ['c'],
        pull_policy: ['always'],
        executor_opts: { docker: { platform: 'linux/arm64', user: 'u' }, unsupported: [] },
      },
      services: [],
      artifacts: [
        {
          name: 'x',
          untracked: true,
          paths: ['p'],
          exclude: ['e'],
          when: 'always',
          artifact_type: 'junit',
          artifact_format: 'gzip',
          expire_in: '1 day',
        },
      ],
      cache: [
        {
          key: 'k',
          fallback_keys: ['f'],
          untracked: true,
          paths: ['p'],
          policy: 'pull',
          when: 'always',
        },
      ],
      credentials: [{ type: 'registry', url: 'r', username: 'u', password: 'p' }],
      dependencies: [{ id: 1, token: 't', name: 'n', artifacts_file: { filename: 'f', size: 10 } }],
      secrets: [{ key: 'S', file: false, vault: null, other_provider: 'azure_key_vault' }],
      policy_options: {
        execution_policy_job: true,
        policy_name: 'p',
        policy_variables_override_allowed: null,
        policy_variables_override_exceptions: ['V'],
      },
      inputs: [{ key: 'i', value: { type: 'number', content: 1, sensitive: true } }],
      hooks: [{ name: 'pre_get_sources_script', script: ['h'] }],
      features: { trace_sections: true, token_mask_prefixes: ['x-'], failure_reasons: ['y'] },
      run: '[{"name":"a"}]',
    };
    const parsed = parseJobPayload({
      ...whole,
      secrets: { S: { azure_key_vault: {}, file: false } },
      image: { ...whole.image, executor_opts: { docker: { platform: 'linux/arm64', user: 'u' } } },
    });
    assert.deepEqual(parsed, whole);
  });

  it('sets every absent field to its zero value', () => {
    const parsed = parseJobPayload(identity);
    assert.deepEqual(parsed, emptyPayload(identity));
    assert.deepEqual(parsed.image, {
      name: '',
      alias: '',
      entrypoint: [],
      command: [],
      pull_policy: [],
      executor_opts: { docker: { platform: '', user: '' }, unsupported: [] },
    });
    assert.equal(parsed.git_info.protected, null);
    assert.equal(parsed.run, '');
  });

  it('treats null like absent, at every depth', () => {
    const nulls = Object.fromEntries(Object.keys(emptyPayload(identity)).map((key) => [key, null]));
    assert.deepEqual(parseJobPayload({ ...nulls, ...identity }), emptyPayload(identity));
    assert.deepEqual(
      parseJobPayload({
        ...identity,
        image: { name: null, executor_opts: { docker: null } },
        git_info: { refspecs: null, protected: null },
        dependencies: [{ id: 3, artifacts_file: null }],
        steps: [null],
      }).steps,
      [{ name: '', script: [] }],
    );
  });

  it('ignores unknown fields, including __proto__', () => {
    const json: unknown = JSON.parse('{"id":1,"token":"t","new":{},"__proto__":{"run":"x"}}');
    assert.deepEqual(parseJobPayload(json), emptyPayload(identity));
  });

  const readings: [
    changes: object,
    pick: (job: ReturnType<typeof parseJobPayload>) => unknown,
    expected: unknown,
    why: string,
  ][] = [
    [
      { image: { executor_opts: { docker: { user: 1000 } } } },
      (job) => job.image.executor_opts.docker.user,
      '1000',
      'a user may be a number',
    ],
    [
      { image: { executor_opts: { docker: { user: '1000:1000' } } } },
      (job) => job.image.executor_opts.docker.user,
      '1000:1000',
      'or text',
    ],
    [
      { image: { executor_opts: { kubernetes: { user: 'x' } } } },
      (job) => job.image.executor_opts.unsupported,
      [],
      'other executors are let be',
    ],
    [
      {
        image: {
          executor_opts: { shell: {}, docker: { user: 'a', size: 1 }, kubernetes: { pod: 1 } },
        },
      },
      (job) => job.image.executor_opts.unsupported,
      ['shell', 'docker.size', 'kubernetes.pod'],
      'unknown options are kept by name',
    ],
    [
      { image: { executor_opts: { constructor: 1 } } },
      (job) => job.image.executor_opts.unsupported,
      ['constructor'],
      'a name every object has is no option',
    ],
    [
      { job_info: { time_in_queue_seconds: '12' } },
      (job) => job.job_info.time_in_queue_seconds,
      0,
      'metrics never fail a job',
    ],
    [
      { job_info: { time_in_queue_seconds: -3 } },
      (job) => job.job_info.time_in_queue_seconds,
      0,
      'metrics never fail a job',
    ],
    [
      { job_info: { time_in_queue_seconds: 0.25 } },
      (job) => job.job_info.time_in_queue_seconds,
      0.25,
      'a fraction of a second',
    ],
    [{ run: '[ ]' }, (job) => job.run, '', 'no step is no run'],
    [{ run: 'null' }, (job) => job.run, '', 'no step is no run'],
    [{ run: '' }, (job) => job.run, '', 'no step is no run'],
    [
      { runner_info: { timeout: Number.MAX_SAFE_INTEGER } },
      (job) => job.runner_info.timeout,
      315_360_000,
      'no clock overflows',
    ],
    [
      { variables: [{ key: 'a\0b', value: 'c\0d' }] },
      (job) => job.variables[0]?.value,
      'c\0d',
      'kept for lookup, skipped later',
    ],
    [
      { variables: [{ key: 'no-name', value: 'x' }] },
      (job) => job.variables[0]?.key,
      'no-name',
      'kept for lookup, skipped later',
    ],
    [
      { services: [{ name: 'db', variables: [{ key: 'A', value: 'b' }] }] },
      (job) => job.services[0]?.variables[0]?.key,
      'A',
      'services have variables',
    ],
  ];
  for (const [changes, pick, expected, why] of readings) {
    it(`reads ${JSON.stringify(changes).slice(0, 70)}: ${why}`, () => {
      assert.deepEqual(pick(parseJobPayload({ ...identity, ...changes })), expected);
    });
  }

  const faults: [json: unknown, message: RegExp, why: string][] = [
    [null, /: id: expected a whole number above 0/, 'nothing at all'],
    [[], /expected an object, got a list/, 'a list'],
    ['x', /expected an object, got a string/, 'text'],
    [{ ...identity, id: '1' }, /: id: /, 'ids are numbers'],
    [{ ...identity, id: 0 }, /: id: /, 'ids begin at 1'],
    [{ ...identity, id: 2 ** 53 }, /: id: /, 'an id that was rounded is another id'],
    [{ ...identity, id: 1.5 }, /: id: /, 'no fractions'],
    [{ ...identity, token: '' }, /: token: /, 'nothing can be reported without'],
    [{ ...identity, token: 'a\nb' }, /: token: /, 'would break a header'],
    [{ ...identity, variables: {} }, /: variables: expected a list, got an object/, 'wrong kind'],
    [
      { ...identity, variables: [{}, { value: 5 }] },
      /: variables\[1\]\.value: expected a string, got a number/,
      'the place is named',
    ],
    [{ ...identity, variables: [7] }, /: variables\[0\]: expected an object/, 'wrong kind'],
    [
      { ...identity, variables: [{ masked: 'true' }] },
      /: variables\[0\]\.masked: expected true or false, got a string/,
      'guessing could unmask',
    ],
    [
      { ...identity, steps: [{ script: 'make' }] },
      /: steps\[0\]\.script: expected a list/,
      'wrong kind',
    ],
    [
      { ...identity, git_info: { depth: 1.5 } },
      /: git_info\.depth: expected a whole number, got a number with a fraction/,
      'no fractions',
    ],
    [
      { ...identity, git_info: { depth: 1e300 } },
      /: git_info\.depth: expected a whole number, got a number too large/,
      'too large',
    ],
    [
      { ...identity, git_info: { protected: 'yes' } },
      /: git_info\.protected: /,
      'decides about caches',
    ],
    [
      { ...identity, image: { name: 'a\0b' } },
      /: image\.name: expected text without NUL bytes/,
      'Docker cuts there',
    ],
    [
      { ...identity, steps: [{ script: ['a\0b'] }] },
      /: steps\[0\]\.script\[0\]: expected text without NUL/,
      'a shell drops it',
    ],
    [
      { ...identity, image: { executor_opts: { docker: { user: true } } } },
      /: image\.executor_opts\.docker\.user: /,
      'neither name nor number',
    ],
    [
      { ...identity, image: { executor_opts: [] } },
      /: image\.executor_opts: expected an object/,
      'wrong kind',
    ],
    [{ ...identity, run: [] }, /: run: expected a string/, 'JSON in a string'],
    [
      { ...identity, variables: Array.from({ length: 20_001 }, () => ({})) },
      /: variables: expected at most 20000 entries, got 20001/,
      'no memory for more',
    ],
  ];
  for (const [json, message, why] of faults) {
    it(`refuses with ${message}: ${why}`, () => {
      assert.throws(
        () => parseJobPayload(json),
        (error) =>
          error instanceof FinalError &&
          error.type === FailureType.InvalidPayload &&
          message.test(error.message),
      );
    });
  }

  it('never names a value, whatever is wrong with it', () => {
    const secret = 'S3CRET';
    const places = [
      { ...identity, token: `${secret} x` },
      { ...identity, variables: [{ key: 'K', value: [secret] }] },
      { ...identity, variables: secret },
      { ...identity, credentials: [{ password: { [secret]: 1 } }] },
      { ...identity, git_info: { repo_url: `${secret}\0` } },
    ];
    for (const json of places) {
      assert.throws(
        () => parseJobPayload(json),
        (error) => error instanceof FinalError && !error.message.includes(secret),
      );
    }
  });

  it('returns a job or throws InvalidPayload for any JSON', () => {
    const keys = fc.constantFrom(...Object.keys(emptyPayload(identity)), 'name', 'key', 'script');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constant(null),
        fc.boolean(),
        fc.double(),
        fc.string(),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(keys, tie('value'), { maxKeys: 6 }),
      ),
    }));
    fc.assert(
      fc.property(value, fc.boolean(), (json, withIdentity) => {
        const whole = withIdentity && typeof json === 'object' ? { ...json, ...identity } : json;
        try {
          assert.equal(parseJobPayload(whole).id, 1);
        } catch (error) {
          assert.ok(error instanceof FinalError && error.type === FailureType.InvalidPayload);
        }
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('parseJobIdentity', () => {
  it('finds id and token of a job whose rest is broken', () => {
    const broken = { ...payloadJson(), variables: 'x', steps: 5 };
    assert.throws(() => parseJobPayload(broken));
    assert.deepEqual(parseJobIdentity(broken), { id: 4711, token: 'glcbt-job-token' });
  });

  const without: [json: unknown, why: string][] = [
    [null, 'nothing'],
    [undefined, 'nothing'],
    ['x', 'text'],
    [[1, 't'], 'a list'],
    [{ id: 1 }, 'no token: no call is allowed'],
    [{ token: 't' }, 'no id: no call is possible'],
    [{ id: -1, token: 't' }, 'no id'],
    [{ id: 1, token: 'a b' }, 'no token of anybody'],
    [Object.create({ id: 1, token: 't' }), 'inherited is not sent'],
  ];
  for (const [json, why] of without) {
    it(`finds nothing in ${JSON.stringify(json)}: ${why}`, () => {
      assert.equal(parseJobIdentity(json), undefined);
    });
  }
});
