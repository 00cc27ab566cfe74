import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { decodeBase64, encodeBase64 } from '../../src/domain/base64.ts';

it('base64 is encoded as Node does, and decoded back', () => {
  const law = fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
    const text = encodeBase64(bytes);
    assert.equal(text, Buffer.from(bytes).toString('base64'));
    assert.deepEqual(decodeBase64(text), bytes);
  });
  fc.assert(law);
});

it('base64 ends at the first character that is not a digit', () => {
  assert.deepEqual(decodeBase64('YWJj\nYWJj'), Uint8Array.from(Buffer.from('abc')));
});
