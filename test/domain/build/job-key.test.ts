import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { jobKey } from '../../../src/domain/build/job-key.ts';
import { parseJobPayload } from '../../../src/domain/job/parse-payload.ts';

const digests = {
  md5Hex: (text: string) => createHash('md5').update(text).digest('hex'),
  sha256Hex: (text: string) => createHash('sha256').update(text).digest('hex'),
};

interface Made {
  readonly token: string;
  readonly createdAt?: string;
  readonly name?: string;
}

function keyOf({ token, createdAt = '2026-11-29T01:02:03Z', name = 'build' }: Made): string {
  const variables = [{ key: 'CI_PIPELINE_CREATED_AT', value: createdAt }];
  const job_info = { name, stage: 'test', project_id: 7, pipeline_id: 9 };
  return jobKey(digests, parseJobPayload({ id: 5, token, variables, job_info }));
}

describe('the key of a job', () => {
  const SIGNED = 'glcbt-eyJhbGci.eyJqdGkiOiIx.c2lnbmF0dXJl';
  const SIGNED_ANEW = 'glcbt-eyJhbGci.eyJqdGkiOiIy.YW5vdGhlcg-_';
  const cases: [one: Made, other: Made, isSame: boolean, why: string][] = [
    [{ token: 'glcbt-64_a' }, { token: 'glcbt-64_a' }, true, 'one token'],
    [{ token: 'glcbt-64_a' }, { token: 'glcbt-64_a', name: 'x' }, true, 'the token decides'],
    [{ token: 'glcbt-64_a' }, { token: 'glcbt-64_b' }, false, 'two tokens'],
    [{ token: SIGNED }, { token: SIGNED_ANEW }, true, 'signed anew at each hand-out'],
    [
      { token: SIGNED },
      { token: SIGNED_ANEW, createdAt: '2026-11-30T01:02:03Z' },
      false,
      'of another pipeline, whose number came again',
    ],
    [{ token: SIGNED }, { token: SIGNED, name: 'x' }, false, 'another job of that pipeline'],
  ];
  for (const [one, other, isSame, why] of cases) {
    it(`is ${isSame ? 'the same' : 'another one'}: ${why}`, () => {
      assert.equal(keyOf(one) === keyOf(other), isSame);
    });
  }

  it('shows nothing of the token', () => {
    assert.match(keyOf({ token: 'glcbt-64_a' }), /^[0-9a-f]{12}$/);
  });
});
