import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isOutageLike,
  judgeUpload,
  uploadPauseMs,
  type UploadAnswer,
} from '../../../src/domain/artifacts/upload-verdict.ts';

/** The number of tries when each gets the same answer. */
function triesOf(answer: UploadAnswer): number {
  for (let tries = 1; ; tries += 1) {
    if (judgeUpload(answer, 'because', tries).kind !== 'again') return tries;
  }
}

describe('an upload', () => {
  const cases: [answer: UploadAnswer, tries: number, lastWord: string | undefined][] = [
    ['created', 1, undefined],
    ['forbidden', 1, 'permission denied'],
    ['too_large', 1, 'too large'],
    ['redirected', 3, 'request redirected'],
    ['failed', 3, 'because'],
    ['unanswered', 3, 'because'],
    ['unavailable', 6, 'service unavailable'],
  ];
  for (const [answer, tries, lastWord] of cases) {
    it(`that always gets ${answer} is tried ${tries} times, and ends with ${lastWord}`, () => {
      assert.equal(triesOf(answer), tries);
      const verdict = judgeUpload(answer, 'because', tries);
      assert.equal(verdict.kind === 'failed' ? verdict.lastLine : undefined, lastWord);
    });
  }

  it('is tried again after 1, 2, 4 and then 5 seconds', () => {
    assert.deepEqual([1, 2, 3, 4, 5].map(uploadPauseMs), [1000, 2000, 4000, 5000, 5000]);
  });

  const outages: [answer: UploadAnswer, status: number | undefined, expected: boolean][] = [
    ['unanswered', undefined, true],
    ['unavailable', 503, true],
    ['failed', 502, true],
    ['failed', 500, true],
    ['failed', 400, false],
    ['too_large', 413, false],
    ['created', 201, false],
  ];
  for (const [answer, status, expected] of outages) {
    it(`${answer} with ${status} ${expected ? 'may mean' : 'does not mean'} that GitLab is away`, () => {
      assert.equal(isOutageLike(answer, status), expected);
    });
  }
});
