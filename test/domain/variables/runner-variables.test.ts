import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FEATURE_FLAGS, resolveFeatureFlags } from '../../../src/domain/variables/feature-flags.ts';
import {
  composeForSettings,
  composeVariables,
  jobTimeoutSeconds,
} from '../../../src/domain/variables/runner-variables.ts';
import type { Variable } from '../../../src/domain/variables/variable-list.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';

const directories = { projectDir: '/builds/p', tempDir: '/builds/p.tmp' };
const flags = (configured: Record<string, boolean> = {}) =>
  resolveFeatureFlags(configured, () => undefined);

function compose(changes: ContextChanges = {}, configured: Record<string, boolean> = {}) {
  const composition = { context: contextOf(changes), directories, jobStatus: 'success' } as const;
  return composeVariables(composition, flags(configured));
}
const find = (entries: readonly Variable[], key: string): Variable | undefined =>
  entries.findLast((entry) => entry.key === key);

describe('variables of the runner', () => {
  it('are in the order that decides which one overrides which', () => {
    const job = { variables: [{ key: 'JOB', value: 'x' }] };
    const keys = compose({ job, runner: { environment: ['CONFIG=x'] } }).map(({ key }) => key);
    const marks = [
      'FF_TEST_FEATURE',
      'CI_JOB_IMAGE',
      'CI_RUNNER_SHORT_TOKEN',
      'CONFIG',
      'CI_BUILDS_DIR',
      'JOB',
      'CI_DISPOSABLE_ENVIRONMENT',
      'CI_RUNNER_VERSION',
      'RUNNER_TEMP_PROJECT_DIR',
    ];
    const places = marks.map((key) => keys.indexOf(key));
    assert.deepEqual(
      places,
      places.toSorted((a, b) => a - b),
    );
    assert.ok(!places.includes(-1));
  });

  it('contain the state of the job', () => {
    assert.equal(find(compose(), 'CI_JOB_STATUS')?.value, 'success');
  });

  const shown: [key: string, changes: ContextChanges, expected: Partial<Variable>, why: string][] =
    [
      ['CI_JOB_IMAGE', {}, { value: 'alpine:3', isRaw: false }, 'may hold references'],
      ['CI_RUNNER_SHORT_TOKEN', {}, { value: 'AbCdEfGhI', isForServices: true }, 'never the token'],
      [
        'A',
        { runner: { environment: ['A=$B=c'] } },
        { value: '$B=c', isRaw: false, isForServices: true },
        'expanded, and for services',
      ],
      [
        'CI_SERVER_TLS_CA_FILE',
        { context: { tlsCaPem: 'PEM' } },
        { value: 'PEM', isFile: true, isRaw: true },
        'a file, taken as it is',
      ],
      [
        'CI_SERVER_TLS_KEY_FILE',
        { context: { tlsCertPem: 'CERT', tlsKeyPem: 'KEY' } },
        { value: 'KEY', isFile: true },
        'with its certificate',
      ],
    ];
  for (const [key, changes, expected, why] of shown) {
    it(`contain ${key} as ${JSON.stringify(expected)}: ${why}`, () => {
      for (const [field, value] of Object.entries(expected)) {
        assert.equal(find(compose(changes), key)?.[field as keyof Variable], value);
      }
    });
  }

  const absent: [key: string, changes: ContextChanges, why: string][] = [
    ['CI_JOB_IMAGE', { job: { image: null } }, 'the job names none'],
    ['CI_SERVER_TLS_CA_FILE', {}, 'plain http'],
    ['CI_SERVER_TLS_CERT_FILE', { context: { tlsCertPem: 'CERT' } }, 'half a pair is of no use'],
    ['CI_BUILD_NETWORK_NAME', {}, 'no network of its own'],
    ['', { runner: { environment: ['no equals sign'] } }, 'no variable'],
  ];
  for (const [key, changes, why] of absent) {
    it(`leave out "${key}": ${why}`, () => {
      assert.equal(find(compose(changes), key), undefined);
    });
  }

  it('contain the network of a build that has one', () => {
    const network = find(compose({}, { FF_NETWORK_PER_BUILD: true }), 'CI_BUILD_NETWORK_NAME');
    assert.equal(network?.value, 'runner-abcdefghi-42-1-4711');
  });

  it('contain every flag once, with its decided value, whatever job and config set', () => {
    const job = { variables: [{ key: 'FF_TIMESTAMPS', value: 'false' }] };
    const entries = compose({ job, runner: { environment: ['FF_TIMESTAMPS=0'] } });
    const shownFlags = entries.filter(({ key }) => key.startsWith('FF_'));
    assert.deepEqual(
      shownFlags.map(({ key, value }) => [key, value === 'true']),
      FEATURE_FLAGS,
    );
  });

  it('leave the job’s own flags in the list from which settings are read', () => {
    const job = { variables: [{ key: 'FF_TIMESTAMPS', value: 'false' }] };
    const composition = { context: contextOf({ job }), directories, jobStatus: 'running' } as const;
    assert.equal(
      find(composeForSettings(composition, FEATURE_FLAGS), 'FF_TIMESTAMPS')?.value,
      'false',
    );
  });
});

describe('the time-out of a job', () => {
  const cases: [timeout: number | null, expected: number][] = [
    [60, 60],
    [0, 7200],
    [-1, 7200],
    [null, 7200],
  ];
  for (const [timeout, expected] of cases) {
    it(`is ${expected} s for ${timeout}`, () => {
      assert.equal(jobTimeoutSeconds(contextOf({ job: { runner_info: { timeout } } })), expected);
    });
  }
});
