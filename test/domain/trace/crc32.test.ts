import assert from 'node:assert/strict';
import { it } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { formatCrc32, updateCrc32 } from '../../../src/domain/trace/crc32.ts';

it('the checksum is zlib’s, in one part and in two', () => {
  const law = fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
    assert.equal(updateCrc32(0, a), crc32(a));
    assert.equal(updateCrc32(updateCrc32(0, a), b), crc32(Buffer.concat([a, b])));
  });
  fc.assert(law);
});

const FORMATS: readonly (readonly [crc: number, expected: string, why: string])[] = [
  [0, 'crc32:00000000', 'an empty trace'],
  [0xdeadbeef, 'crc32:deadbeef', 'above 2^31'],
  [0xabc, 'crc32:00000abc', 'always eight digits'],
];
for (const [crc, expected, why] of FORMATS) {
  it(`the checksum ${crc} is written ${expected}: ${why}`, () => {
    assert.equal(formatCrc32(crc), expected);
  });
}
