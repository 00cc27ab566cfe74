import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { appliesAfter } from '../../../src/domain/job/when.ts';

describe('when an entry of artifacts or caches applies', () => {
  const cases: [when: string, onSuccess: boolean, onFailure: boolean][] = [
    ['', true, false],
    ['on_success', true, false],
    ['on_failure', false, true],
    ['always', true, true],
    ['sometimes', false, false],
  ];
  for (const [when, onSuccess, onFailure] of cases) {
    it(`${JSON.stringify(when)}: ${onSuccess} after success, ${onFailure} after failure`, () => {
      assert.deepEqual(
        [appliesAfter({ when }, 'success'), appliesAfter({ when }, 'failure')],
        [onSuccess, onFailure],
      );
    });
  }
});
