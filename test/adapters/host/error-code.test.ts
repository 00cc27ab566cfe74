import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import { errorCode } from '../../../src/adapters/host/error-code.ts';

it('the code of an error is the one that Node gives it, and there is none for anything else', async () => {
  const missing = await readFile('/no/such/file').catch((error: unknown) => error);
  assert.equal(errorCode(missing), 'ENOENT');
  const numbered = Object.assign(new Error('of gRPC'), { code: 6 });
  for (const other of [new Error('plain'), numbered, 'ENOENT', undefined, null]) {
    assert.equal(errorCode(other), undefined);
  }
});
