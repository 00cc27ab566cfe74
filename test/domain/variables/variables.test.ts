import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import { finishVariables } from '../../../src/domain/variables/exported-variables.ts';
import { FEATURE_FLAGS } from '../../../src/domain/variables/feature-flags.ts';
import { buildVariables, type Variables } from '../../../src/domain/variables/variables.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';
import { type Given, FILE, RAW, v, build, withJob, TEMP } from './variables-fixture.ts';

describe('order of variables', () => {
  it('contains the values that the runner knows', () => {
    const variables = build();
    const expected = {
      CI_JOB_IMAGE: 'alpine:3',
      CI_RUNNER_SHORT_TOKEN: 'AbCdEfGhI',
      CI_BUILDS_DIR: '/builds',
      CI_PROJECT_DIR: '/builds/group/app',
      CI_CONCURRENT_ID: '3',
      CI_CONCURRENT_PROJECT_ID: '1',
      CI_SERVER: 'yes',
      CI_JOB_STATUS: 'running',
      CI_JOB_TIMEOUT: '3600',
      CI_DISPOSABLE_ENVIRONMENT: 'true',
      CI_RUNNER_VERSION: '19.4.0',
      CI_RUNNER_REVISION: 'abcdef12',
      CI_RUNNER_EXECUTABLE_ARCH: 'linux/amd64',
      RUNNER_TEMP_PROJECT_DIR: TEMP,
    };
    const flags = FEATURE_FLAGS.map(([name, isOn]) => `${name}=${isOn}`);
    assert.deepEqual(
      [...variables.environment()].sort(),
      [...flags, ...Object.entries(expected).map((pair) => pair.join('='))].sort(),
    );
  });

  const winners: [changes: ContextChanges, key: string, expected: string, why: string][] = [
    [{ runner: { environment: ['A=runner'] } }, 'A', 'runner', 'the runner gives defaults'],
    [
      { runner: { environment: ['A=runner'] }, job: { variables: [v('A', 'job')] } },
      'A',
      'job',
      'a job overrides them',
    ],
    [{ runner: { environment: ['A=b=c'] } }, 'A', 'b=c', 'only the first = counts'],
    [{ runner: { environment: ['A'] } }, 'A', '', 'no = is no variable'],
    [
      { runner: { environment: ['CI_SERVER=x'] } },
      'CI_SERVER',
      'yes',
      'the runner’s own come after',
    ],
    [{ job: { variables: [v('A', '1'), v('A', '2')] } }, 'A', '2', 'the last one counts'],
    [
      { job: { variables: [v('CI_SERVER', 'x')] } },
      'CI_SERVER',
      'x',
      'a job overrides what stands before',
    ],
    [
      { job: { variables: [v('CI_RUNNER_VERSION', 'x')] } },
      'CI_RUNNER_VERSION',
      '19.4.0',
      'what stands after stays',
    ],
    [
      { job: { variables: [v('RUNNER_TEMP_PROJECT_DIR', '/x')] } },
      'RUNNER_TEMP_PROJECT_DIR',
      TEMP,
      'what stands after stays',
    ],
    [{ job: { runner_info: { timeout: 0 } } }, 'CI_JOB_TIMEOUT', '7200', 'the usual time'],
    [{ job: { image: null } }, 'CI_JOB_IMAGE', '', 'no image of the job’s own'],
    [
      { job: { variables: [v('TAG', '9')], image: { name: 'a:$TAG' } } },
      'CI_JOB_IMAGE',
      'a:9',
      'expanded',
    ],
    [
      {
        runner: { environment: ['MIRROR=m.local'] },
        job: { variables: [v('IMG', '$MIRROR/ruby:3')], image: { name: '$IMG' } },
      },
      'CI_JOB_IMAGE',
      'm.local/ruby:3',
      'the name of the image that the job runs in',
    ],
    [
      { job: { variables: [v('CI_JOB_IMAGE', 'own'), v('T', '9')], image: { name: 'a:$T' } } },
      'CI_JOB_IMAGE',
      'own',
      'a job may override it',
    ],
  ];
  for (const [changes, key, expected, why] of winners) {
    it(`${key} is ${JSON.stringify(expected)}: ${why}`, () => {
      assert.equal(build(changes).get(key), expected);
    });
  }

  it('tells after_script how the job ended', () => {
    const variables = buildVariables(contextOf(), { jobStatus: 'timedout' });
    assert.equal(variables.get('CI_JOB_STATUS'), 'timedout');
  });

  it('names the network of the build only when there is one', () => {
    const name = 'CI_BUILD_NETWORK_NAME';
    assert.ok(
      !build()
        .environment()
        .some((line) => line.startsWith(name)),
    );
    const variables = withJob(v('FF_NETWORK_PER_BUILD', 'true'));
    assert.equal(variables.get(name), 'runner-abcdefghi-42-1-4711');
  });

  it('passes TLS data on as files, certificate and key only together', () => {
    const pem = { tlsCaPem: 'CA $X', tlsCertPem: 'CERT' };
    const alone = build({ context: pem });
    assert.deepEqual(alone.files(), [{ path: `${TEMP}/CI_SERVER_TLS_CA_FILE`, content: 'CA $X' }]);
    const both = build({ context: { ...pem, tlsKeyPem: 'KEY' } });
    assert.deepEqual(
      both.files().map(({ path }) => path.slice(TEMP.length + 1)),
      ['CI_SERVER_TLS_CA_FILE', 'CI_SERVER_TLS_CERT_FILE', 'CI_SERVER_TLS_KEY_FILE'],
    );
  });
});

describe('feature flags among variables', () => {
  const flag = (variables: Variables): string | undefined =>
    variables.environment().find((line) => line.startsWith('FF_TIMESTAMPS='));

  const cases: [changes: ContextChanges, expected: boolean, why: string][] = [
    [{ job: { variables: [v('FF_TIMESTAMPS', '0')] } }, false, 'a job sets it'],
    [
      { job: { variables: [v('FF_TIMESTAMPS', '$OFF'), v('OFF', 'f')] } },
      false,
      'by another variable',
    ],
    [{ runner: { environment: ['FF_TIMESTAMPS=0'] } }, false, 'the runner’s environment sets it'],
    [
      {
        runner: { environment: ['FF_TIMESTAMPS=0'] },
        job: { variables: [v('FF_TIMESTAMPS', '1')] },
      },
      true,
      'a job overrides that',
    ],
    [
      {
        runner: { featureFlags: { FF_TIMESTAMPS: true } },
        job: { variables: [v('FF_TIMESTAMPS', '0')] },
      },
      true,
      'the configuration is final',
    ],
  ];
  for (const [changes, expected, why] of cases) {
    it(`exports the decided value, ${expected}: ${why}`, () => {
      const variables = build(changes);
      assert.equal(variables.featureFlags.isOn('FF_TIMESTAMPS'), expected);
      assert.equal(flag(variables), `FF_TIMESTAMPS=${expected}`);
    });
  }

  it('passes on names that only look like flags', () => {
    assert.equal(withJob(v('FF_MINE', 'x')).get('FF_MINE'), 'x');
  });
});

describe('expansion of variables', () => {
  const cases: [given: Given[], key: string, expected: string, why: string][] = [
    [[v('A', 'x$B'), v('B', 'y')], 'A', 'xy', 'also to later ones'],
    [[v('A', '$B'), v('B', '$C'), v('C', 'z')], 'A', '$C', 'one level only'],
    [[v('A', '$A')], 'A', '$A', 'itself, once'],
    [[v('A', '$NONE!')], 'A', '!', 'unknown is empty'],
    [[v('A', 'a$$b')], 'A', 'a$b', 'how a dollar is written'],
    [[v('A', 'a$1$?b')], 'A', 'ab', 'shell names are empty'],
    [[v('A', '$B', RAW), v('B', 'y')], 'A', '$B', 'raw stays'],
    [[v('A', '$B'), v('B', '$C', RAW)], 'A', '$C', 'raw can be referred to'],
    [
      [v('A', '$F'), v('F', 'content', FILE)],
      'A',
      `${TEMP}/F`,
      'a file is referred to by its path',
    ],
    [[v('F', '$B', FILE), v('B', 'y')], 'F', 'y', 'content of a file is expanded'],
    [[v('A', '$B'), v('B', '1'), v('B', '2')], 'A', '2', 'the last one is referred to'],
    [[v('A', '$CI_PROJECT_DIR/x')], 'A', '/builds/group/app/x', 'the runner’s too'],
    [[v('A', '${no-name}'), v('no-name', 'x')], 'A', 'x', 'kept for lookup'],
  ];
  for (const [given, key, expected, why] of cases) {
    it(`${key} of ${JSON.stringify(given)} is ${expected}: ${why}`, () => {
      assert.equal(withJob(...given).get(key), expected);
    });
  }

  it('expands text once, with unchanged values', () => {
    const variables = withJob(v('A', '$B'), v('B', 'y$$'), v('F', 'c', FILE));
    assert.equal(variables.expand('<$A|${B}|$F|$$|$NONE>'), `<y$$|y$|${TEMP}/F|$|>`);
  });

  it('has no value for names of a shell', () => {
    assert.equal(withJob(v('?', 'x')).get('?'), '');
  });

  it('gives up on values that would fill the memory, with a warning', () => {
    const big = 'x'.repeat(1_000_000);
    const variables = withJob(v('BIG', big, RAW), v('A', '$BIG'.repeat(100)), v('B', '$BIG'));
    assert.equal(variables.get('A'), '$BIG'.repeat(100));
    assert.equal(variables.get('B'), big);
    assert.match(variables.warnings.join('\n'), /not expanded .*: "A"/);
    assert.equal(variables.expand('$BIG'.repeat(100)), '$BIG'.repeat(100));
  });
});

describe('buildVariables', () => {
  it('never fails, and never puts a NUL or an invalid name into an environment', () => {
    const text = fc.string({
      unit: fc.constantFrom('$', '{', '}', 'A', 'B', '\0', '=', '/', '.', ' '),
    });
    const variable = fc.record({
      key: fc.oneof(
        text,
        fc.constantFrom('A', 'B', 'GIT_CLONE_PATH', 'GIT_STRATEGY', 'FF_TIMESTAMPS'),
      ),
      value: text,
      file: fc.boolean(),
      raw: fc.boolean(),
      masked: fc.boolean(),
      public: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(variable, { maxLength: 8 }), (variables) => {
        const built = build({ job: { variables } });
        for (const line of built.environment()) assert.match(line, /^[A-Za-z_]\w*=[^\0]*$/);
        for (const { path } of built.files()) assert.ok(path.startsWith(`${built.tempDir}/`));
        assert.ok(built.projectDir.startsWith('/builds'));
        assert.ok(built.maskPhrases().every((phrase) => phrase !== ''));
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('variables of one build', () => {
  const context = contextOf({ job: { variables: [v('A', 'job')] } });
  const running = { jobStatus: 'running' } as const;

  const same: [next: BuildContext, why: string][] = [
    [context, 'the same context'],
    [{ ...context }, 'a copy of it'],
    [{ ...context, exports: ['A=exported'] }, 'exports, which are added to what is built'],
    [{ ...context, lostFiles: '/builds/x' }, 'what becomes of the files of the node'],
  ];
  for (const [next, why] of same) {
    it(`are built once: ${why}`, () => {
      assert.equal(buildVariables(next, running), buildVariables(context, running));
    });
  }

  it('know the status of the job', () => {
    const failed = buildVariables(context, { jobStatus: 'failed' });
    assert.equal(failed.get('CI_JOB_STATUS'), 'failed');
    assert.equal(buildVariables(context, running).get('CI_JOB_STATUS'), 'running');
    assert.equal(buildVariables(context, { jobStatus: 'failed' }), failed);
  });

  it('contain a secret as soon as it is fetched', () => {
    buildVariables(context, running);
    const secret = {
      key: 'S',
      value: 'hidden',
      public: false,
      file: false,
      masked: true,
      raw: true,
    };
    const next = { ...context, secretVariables: [secret] };
    assert.equal(buildVariables(next, running).get('S'), 'hidden');
    assert.deepEqual(buildVariables(next, running).maskPhrases(), ['hidden']);
  });

  it('belong to their build, also when two builds have the same job', () => {
    const other = { ...context, concurrentId: 9 };
    for (const expected of [context, other, context]) {
      const id = buildVariables(expected, running).get('CI_CONCURRENT_ID');
      assert.equal(id, `${expected.concurrentId}`);
    }
  });

  it('contain exported variables only where they are meant to', () => {
    assert.equal(finishVariables(context, running).get('A'), 'job');
    const next = { ...context, exports: ['A=exported'] };
    assert.equal(finishVariables(next, running).get('A'), 'exported');
    assert.equal(buildVariables(next, running).get('A'), 'job');
  });
});
