import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { numericOwner } from '../../../src/domain/executor/file-owner.ts';

const FILES = {
  passwd:
    'root:x:0:0:root:/root:/bin/sh\nbuilder:x:1000:1001::/home/builder:/bin/sh\nodd:x:abc:1\n',
  group: 'root:x:0:\nstaff:x:50:builder\n',
};

const cases: readonly (readonly [user: string, owner: string | undefined, why: string])[] = [
  ['', undefined, 'root, as of most images'],
  ['root', undefined, 'root by name'],
  ['0', undefined, 'root by number'],
  ['0:50', undefined, 'root in another group'],
  ['builder', '1000:1001', 'a name, with its own group'],
  ['1000', '1000:1001', 'a number that the image knows'],
  ['1234', '1234:0', 'a number that it does not know is in root’s group'],
  ['builder:staff', '1000:50', 'a group by name'],
  ['builder:77', '1000:77', 'a group by number'],
  ['1234:5678', '1234:5678', 'both by number'],
  ['nobody-here', undefined, 'a name that the image does not know'],
  ['builder:nobody-here', undefined, 'a group that it does not know'],
  ['odd', undefined, 'a list that makes no sense'],
  ['$(id)', undefined, 'nothing of it gets into a script'],
];

describe('the owner of a job’s files', () => {
  for (const [user, owner, why] of cases) {
    it(`of ${JSON.stringify(user)} is ${owner ?? 'nobody in particular'}: ${why}`, () => {
      assert.equal(numericOwner(user, FILES), owner);
    });
  }

  it('is also found without account files', () => {
    assert.equal(numericOwner('1000:1000', { passwd: '', group: '' }), '1000:1000');
    assert.equal(numericOwner('builder', { passwd: '', group: '' }), undefined);
  });
});
