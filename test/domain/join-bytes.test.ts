import assert from 'node:assert/strict';
import { it } from 'node:test';
import { joinBytes } from '../../src/domain/join-bytes.ts';

it('parts are joined in their order, into bytes of their own', () => {
  const part = Uint8Array.of(2, 3);
  const joined = joinBytes([Uint8Array.of(1), Uint8Array.of(), part]);
  part[0] = 9;
  assert.deepEqual([...joined], [1, 2, 3]);
  assert.deepEqual([...joinBytes([])], []);
});
