import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  FEATURE_FLAGS,
  isFeatureFlag,
  resolveFeatureFlags,
} from '../../../src/domain/variables/feature-flags.ts';

const NAME = 'FF_NETWORK_PER_BUILD'; // off unless set
const ON = 'FF_TIMESTAMPS'; // on unless set

const cases: [
  name: string,
  configured: Record<string, boolean>,
  text: string | undefined,
  expected: boolean,
  warns: boolean,
  why: string,
][] = [
  [NAME, {}, undefined, false, false, 'the default'],
  [ON, {}, undefined, true, false, 'the default'],
  [NAME, {}, 'true', true, false, 'a job may set it'],
  [NAME, {}, '1', true, false, 'any boolean of Go'],
  [ON, {}, 'F', false, false, 'any boolean of Go'],
  [NAME, { [NAME]: false }, 'true', false, false, 'the configuration has the last word'],
  [ON, { [ON]: false }, undefined, false, false, 'the configuration alone'],
  [NAME, { [NAME]: true }, 'nonsense', true, false, 'what nobody reads is not warned of'],
  [ON, {}, 'yes', true, true, 'unreadable keeps the default'],
  [NAME, {}, '', false, true, 'empty is unreadable too, as in gitlab-runner'],
];

describe('resolveFeatureFlags', () => {
  for (const [name, configured, text, expected, warns, why] of cases) {
    it(`${name} is ${expected} for ${JSON.stringify({ configured, text })}: ${why}`, () => {
      const flags = resolveFeatureFlags(configured, (key) => (key === name ? text : undefined));
      assert.equal(flags.isOn(name), expected);
      assert.equal(flags.warnings.length, warns ? 1 : 0);
      if (warns) assert.match(flags.warnings[0] ?? '', new RegExp(`^${name}: could not parse`));
    });
  }

  it('lists every flag with its value, and those that differ from their default', () => {
    const flags = resolveFeatureFlags({ [NAME]: true, FF_UNHEARD_OF: true }, () => undefined);
    assert.equal(flags.all.length, FEATURE_FLAGS.length);
    assert.deepEqual(flags.nonDefault, [[NAME, true]]);
    assert.equal(flags.isOn('FF_UNHEARD_OF'), false);
  });

  it('knows each flag once', () => {
    assert.equal(new Set(FEATURE_FLAGS.map(([name]) => name)).size, FEATURE_FLAGS.length);
    assert.ok(isFeatureFlag('FF_CONCRETE'));
    assert.ok(!isFeatureFlag('FF_UNHEARD_OF'));
    assert.ok(!isFeatureFlag('constructor'));
  });
});
