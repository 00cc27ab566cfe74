import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDebugTrace } from '../../../src/domain/variables/debug-trace.ts';
import { readSettings } from '../../../src/domain/variables/settings.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { contextOf } from '../job/context-fixture.ts';

const settingsOf = (text: string, isDebugForbidden = false) =>
  readSettings((key) => (key === 'K' || key === 'CI_DEBUG_TRACE' ? text : ''), {
    isDebugForbidden,
  });

describe('readSettings', () => {
  const flags: [text: string, fallback: boolean, expected: boolean, warns: boolean, why: string][] =
    [
      ['', true, true, false, 'not set'],
      ['', false, false, false, 'not set'],
      ['false', true, false, false, 'set'],
      ['1', false, true, false, 'set, in Go’s way'],
      ['yes', false, false, true, 'unreadable'],
      ['no', true, true, true, 'unreadable'],
    ];
  for (const [text, fallback, expected, warns, why] of flags) {
    it(`reads ${JSON.stringify(text)} as ${expected} with the default ${fallback}: ${why}`, () => {
      const { value, warning: told } = settingsOf(text).flag('K', fallback);
      assert.equal(value, expected);
      const warning = `K: expected bool got "${text}", using default value: ${fallback}`;
      assert.equal(told, warns ? warning : undefined);
    });
  }

  const integers: [text: string, expected: number, warns: boolean, why: string][] = [
    ['', 5, false, 'not set'],
    ['7', 7, false, 'set'],
    ['-7', -7, false, 'signs are read'],
    ['+7', 7, false, 'signs are read'],
    ['7.5', 5, true, 'no whole number'],
    ['0x10', 5, true, 'decimal only'],
    ['9'.repeat(30), 5, true, 'too large'],
    [' 7', 5, true, 'spaces count'],
  ];
  for (const [text, expected, warns, why] of integers) {
    it(`reads ${JSON.stringify(text)} as ${expected} with the default 5: ${why}`, () => {
      const { value, warning } = settingsOf(text).integer('K', 5);
      assert.equal(value, expected);
      assert.equal(warning !== undefined, warns);
    });
  }

  const attempts: [text: string, expected: number, warns: boolean, why: string][] = [
    ['', 1, false, 'not set'],
    ['3', 3, false, 'set'],
    ['10', 10, false, 'the most'],
    ['11', 10, true, 'more than the most'],
    ['0', 1, true, 'once at least'],
    ['-1', 1, true, 'once at least'],
    ['x', 1, true, 'unreadable'],
  ];
  for (const [text, expected, warns, why] of attempts) {
    it(`tries ${expected} times for ${JSON.stringify(text)}: ${why}`, () => {
      const { value, warning } = settingsOf(text).attempts('K');
      assert.equal(value, expected);
      assert.equal(warning !== undefined, warns);
    });
  }

  const durations: [
    text: string,
    expectedMs: number | undefined,
    warning: string | undefined,
    why: string,
  ][] = [
    ['', undefined, undefined, 'not set'],
    [' ', undefined, undefined, 'as good as not set'],
    ['1m', 60_000, undefined, 'set'],
    ['0', undefined, undefined, 'no time-out of its own'],
    ['-1m', undefined, 'Ignoring relative K timeout: "-1m"', 'no past'],
    ['5', undefined, 'Ignoring malformed K timeout: "5"', 'no unit'],
  ];
  for (const [text, expectedMs, warning, why] of durations) {
    it(`reads the duration ${JSON.stringify(text)} as ${expectedMs}: ${why}`, () => {
      const { value, warning: told } = settingsOf(text).duration('K');
      assert.equal(value, expectedMs);
      assert.equal(told, warning);
    });
  }

  it('warns in one short line', () => {
    const { warning = '' } = settingsOf('no\n'.repeat(10_000)).flag('K', true);
    assert.match(warning, /^K: expected bool got /);
    assert.ok(warning.length < 300 && !warning.includes('\n'));
  });

  it('does not debug when the runner forbids it', () => {
    const settings = settingsOf('true', true);
    const warning = 'CI_DEBUG_TRACE: usage is disabled on this Runner';
    assert.deepEqual(settings.flag('CI_DEBUG_TRACE', false), { value: false, warning });
    assert.deepEqual(settings.flag('K', false), { value: true });
  });
});

describe('warnings about settings', () => {
  const cases: [key: string, value: string, warning: string, why: string][] = [
    [
      'GIT_STRATEGY',
      'x',
      `GIT_STRATEGY: expected either 'clone', 'fetch', 'none' or 'empty' got "x", using default value 'fetch'`,
      'the default of this job',
    ],
    [
      'GIT_SUBMODULE_STRATEGY',
      'x',
      `GIT_SUBMODULE_STRATEGY: expected either 'normal', 'recursive' or 'none' got "x"`,
      'unknown',
    ],
    [
      'GET_SOURCES_ATTEMPTS',
      '99',
      'GET_SOURCES_ATTEMPTS: number of attempts out of the range [1, 10], clamping to: 10',
      'too many',
    ],
    [
      'RUNNER_SCRIPT_TIMEOUT',
      '2h',
      'RUNNER_SCRIPT_TIMEOUT timeout: 2h is longer than job timeout. Setting to job timeout',
      'the job has one hour',
    ],
    [
      'RUNNER_AFTER_SCRIPT_TIMEOUT',
      'soon',
      'Ignoring malformed RUNNER_AFTER_SCRIPT_TIMEOUT timeout: "soon"',
      'unreadable',
    ],
    [
      'FF_TIMESTAMPS',
      'maybe',
      'FF_TIMESTAMPS: could not parse feature flag, expected bool, got "maybe"',
      'unreadable',
    ],
  ];
  for (const [key, value, warning, why] of cases) {
    it(`mention ${key}=${value} before anything uses it: ${why}`, () => {
      const context = contextOf({ job: { variables: [{ key, value }] } });
      assert.deepEqual(buildVariables(context, { jobStatus: 'running' }).warnings, [warning]);
    });
  }

  it('have the same order, however often they are read', () => {
    const variables = [
      { key: 'RUNNER_AFTER_SCRIPT_TIMEOUT', value: 'soon' },
      { key: 'RUNNER_SCRIPT_TIMEOUT', value: '2h' },
      { key: 'GIT_CHECKOUT', value: 'yes' },
      { key: 'CACHE_REQUEST_TIMEOUT', value: '10m' },
    ];
    const context = contextOf({ job: { variables } });
    const built = buildVariables(context, { jobStatus: 'running' });
    const expected = [
      'GIT_CHECKOUT: expected bool got "yes", using default value: true',
      'CACHE_REQUEST_TIMEOUT: expected int got "10m", using default value: 10',
      'RUNNER_SCRIPT_TIMEOUT timeout: 2h is longer than job timeout. Setting to job timeout',
      'Ignoring malformed RUNNER_AFTER_SCRIPT_TIMEOUT timeout: "soon"',
    ];
    assert.deepEqual(built.warnings, expected);
    built.integer('CACHE_REQUEST_TIMEOUT', 10);
    built.flag('GIT_CHECKOUT', true);
    assert.deepEqual(buildVariables(context, { jobStatus: 'running' }).warnings, expected);
  });

  it('are absent for valid settings', () => {
    const variables = [
      { key: 'GIT_STRATEGY', value: 'none' },
      { key: 'GIT_SUBMODULE_STRATEGY', value: 'recursive' },
      { key: 'RUNNER_SCRIPT_TIMEOUT', value: '1h' },
      { key: 'GET_SOURCES_ATTEMPTS', value: '10' },
    ];
    const context = contextOf({ job: { variables } });
    assert.deepEqual(buildVariables(context, { jobStatus: 'running' }).warnings, []);
  });
});

describe('isDebugTrace', () => {
  const cases: [
    key: string,
    value: string,
    isForbidden: boolean,
    expected: boolean,
    why: string,
  ][] = [
    ['OTHER', 'true', false, false, 'not asked for'],
    ['CI_DEBUG_TRACE', 'true', false, true, 'commands with their values'],
    ['CI_DEBUG_SERVICES', '1', false, true, 'logs of services'],
    ['CI_DEBUG_TRACE', 'false', false, false, 'switched off'],
    ['CI_DEBUG_TRACE', 'true', true, false, 'the runner forbids it'],
    ['CI_DEBUG_SERVICES', 'true', true, false, 'the runner forbids it'],
  ];
  for (const [key, value, debugTraceDisabled, expected, why] of cases) {
    it(`is ${expected} for ${key}=${value}: ${why}`, () => {
      const runner = { debugTraceDisabled };
      assert.equal(
        isDebugTrace(contextOf({ runner, job: { variables: [{ key, value }] } })),
        expected,
      );
    });
  }
});
