import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  bytesOfPath,
  pathByteLength,
  pathOfBytes,
  percentEncodePath,
  utf8Ancestor,
} from '../../../src/domain/files/path-bytes.ts';

const cases: readonly (readonly [hex: string, path: string, why: string])[] = [
  ['666f6f', 'foo', 'ASCII'],
  ['67c3b6f09f928e', 'gö💎', 'UTF-8 of every length'],
  ['636166e9', 'caf\udce9', 'Latin-1'],
  ['efbfbd', '\ufffd', 'the mark of what cannot be read is a character of its own'],
  ['efbbbf61', '\ufeff' + 'a', 'a byte order mark is part of a name'],
  ['eda080', '\udced\udca0\udc80', 'half a surrogate pair is no UTF-8'],
  ['c0af', '\udcc0\udcaf', 'no other way to write a slash'],
  ['c3', '\udcc3', 'cut in the midst of a character'],
  ['f09f92c3b6', '\udcf0\udc9f\udc92ö', 'what comes behind a cut character is read'],
];

describe('names of files as text', () => {
  for (const [hex, path, why] of cases) {
    it(`${hex} becomes ${JSON.stringify(path)} and is restored: ${why}`, () => {
      assert.equal(pathOfBytes(Buffer.from(hex, 'hex')), path);
      assert.equal(Buffer.from(bytesOfPath(path)).toString('hex'), hex);
      assert.equal(pathByteLength(path), hex.length / 2);
    });
  }

  it('restores every sequence of bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        assert.deepEqual([...bytesOfPath(pathOfBytes(bytes))], [...bytes]);
      }),
    );
  });

  it('replaces a lone surrogate that stands for no byte', () => {
    assert.deepEqual(Buffer.from(bytesOfPath('a\ud800b')).toString(), 'a\ufffdb');
  });

  it('is read from the nearest directory that is UTF-8', () => {
    assert.equal(utf8Ancestor('a/ö'), 'a/ö');
    assert.equal(utf8Ancestor('a/b/\udce9/c'), 'a/b');
    assert.equal(utf8Ancestor('x\udce9/c'), '');
    assert.equal(utf8Ancestor(''), '');
  });

  it('is encoded in a URL byte by byte', () => {
    assert.equal(percentEncodePath('a b/caf\udce9 ö'), 'a%20b%2Fcaf%E9%20%C3%B6');
    assert.equal(percentEncodePath('a\ud800b'), 'a%EF%BF%BDb');
  });
});
