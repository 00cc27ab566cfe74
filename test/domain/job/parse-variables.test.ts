import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readVariables } from '../../../src/domain/job/parse-variables.ts';

const read = (value: unknown) => readVariables(value, 'variables');
const plain = { public: false, file: false, masked: false, raw: false };

describe('variables of a payload', () => {
  const cases: [given: unknown, expected: object, why: string][] = [
    [{ key: 'K', value: 'v' }, { key: 'K', value: 'v', ...plain }, 'absent flags are off'],
    [
      { key: 'K', value: 'v', public: true, file: true, masked: true, raw: true },
      { key: 'K', value: 'v', public: true, file: true, masked: true, raw: true },
      'each flag is kept',
    ],
    [{ key: 'a b\0', value: '\0' }, { key: 'a b\0', value: '\0', ...plain }, 'left out later'],
    [{}, { key: '', value: '', ...plain }, 'nothing is required'],
    [null, { key: '', value: '', ...plain }, 'an absent item'],
    [{ key: 'K', value: null, masked: null }, { key: 'K', value: '', ...plain }, 'null is absent'],
    [{ key: 'K', value: 'v', new: 5 }, { key: 'K', value: 'v', ...plain }, 'unknown fields'],
  ];
  for (const [given, expected, why] of cases) {
    it(`reads ${JSON.stringify(given)}: ${why}`, () => {
      assert.deepEqual(read([given]), [expected]);
    });
  }

  it('keeps order and repetitions: the last value of a name counts, but all values are masked', () => {
    const values = read(['1', '2', '1'].map((value) => ({ key: 'K', value }))).map(
      ({ value }) => value,
    );
    assert.deepEqual(values, ['1', '2', '1']);
  });

  it('refuses a value that is not text, without showing it', () => {
    assert.throws(() => read([{ key: 'K', value: { secret: 1 } }]), {
      message: /variables\[0\]\.value: expected a string, got an object$/,
    });
  });

  it('accepts 20,000 variables and no more', () => {
    assert.equal(read(Array(20_000).fill(null)).length, 20_000);
    assert.throws(() => read(Array(20_001).fill(null)), /at most 20000 entries, got 20001/);
  });
});
