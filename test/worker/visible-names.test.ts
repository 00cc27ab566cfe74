import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readNamesView } from '../../src/worker/visible-names.ts';

const hashName = (name: string): string => `<${name}>`;

describe('TEMPORAL_GITLAB_RUNNER_NAMES', () => {
  const cases: [word: string | undefined, expected: ReturnType<typeof readNamesView>][] = [
    [undefined, { showsNames: true }],
    ['', { showsNames: true }],
    ['clear', { showsNames: true }],
    ['hashed', { showsNames: false, hashName }],
    ['off', { showsNames: false }],
  ];
  for (const [word, expected] of cases) {
    it(`may be ${JSON.stringify(word)}`, () => {
      const env = { TEMPORAL_GITLAB_RUNNER_NAMES: word };
      assert.deepEqual(readNamesView(env, hashName), expected);
    });
  }

  it('is refused when it is misspelt', () => {
    const env = { TEMPORAL_GITLAB_RUNNER_NAMES: 'hash' };
    assert.throws(() => readNamesView(env, hashName), /"hash": expected clear, hashed or off/);
  });
});
