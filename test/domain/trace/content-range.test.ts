import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  formatContentRange,
  parseRemoteLengthBytes,
} from '../../../src/domain/trace/content-range.ts';

const CASES: readonly (readonly [
  range: string | null,
  expected: number | undefined,
  why: string,
])[] = [
  ['0-1024', 1024, 'end is exclusive'],
  ['0-0', 0, 'coordinator lost everything'],
  [null, undefined, 'a proxy dropped the header'],
  ['', undefined, 'empty'],
  ['bytes 0-9/10', undefined, 'RFC 9110 form, never sent by GitLab'],
  ['0--5', undefined, 'a length below zero'],
];
for (const [range, expected, why] of CASES) {
  it(`remote length of ${range} is ${expected}: ${why}`, () => {
    assert.equal(parseRemoteLengthBytes(range), expected);
  });
}

it('adjacent patches leave no gap and do not overlap', () => {
  assert.equal(formatContentRange({ startByte: 0, endByte: 1024 }), '0-1023');
  assert.equal(formatContentRange({ startByte: 1024, endByte: 1025 }), '1024-1024');
});

it('an empty patch is a bug', () => {
  assert.throws(() => formatContentRange({ startByte: 5, endByte: 5 }), /empty trace window/);
});
