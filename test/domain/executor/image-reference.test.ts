import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isImageId, splitPullReference } from '../../../src/domain/executor/image-reference.ts';

const sha = `sha256:${'a'.repeat(64)}`;
const cases = [
  ['alpine', 'alpine', 'latest', 'without a tag Docker would pull all'],
  ['alpine:3.20', 'alpine', '3.20', 'a tag'],
  ['reg.example:5000/a/b', 'reg.example:5000/a/b', 'latest', 'a port is no tag'],
  ['reg.example:5000/a/b:1', 'reg.example:5000/a/b', '1', 'a port and a tag'],
  [`alpine@${sha}`, 'alpine', sha, 'a digest'],
  [`reg.example:5000/a:1@${sha}`, 'reg.example:5000/a', sha, 'the digest decides'],
] as const;
for (const [reference, fromImage, tag, why] of cases) {
  void test(`${reference} is pulled as ${fromImage} and ${tag}: ${why}`, () => {
    assert.deepEqual(splitPullReference(reference), { fromImage, tag });
  });
}

void test('an id has 64 hex digits, with or without its algorithm', () => {
  assert.equal(isImageId(sha), true);
  assert.equal(isImageId('b'.repeat(64)), true);
  assert.equal(isImageId('b'.repeat(63)), false);
  assert.equal(isImageId(`alpine@${sha}`), false);
});
