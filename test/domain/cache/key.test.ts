import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sanitizeCacheKey } from '../../../src/domain/cache/key.ts';

describe('a cache key as a path', () => {
  const cases: [rawKey: string, expected: string, why: string][] = [
    ['', '', 'nothing is nothing'],
    ['main', 'main', 'a plain one stays as it is'],
    ['feature/a b', 'feature/a b', 'slashes and blanks within are a part of it'],
    ['a//b/./c/', 'a/b/c', 'the shortest path'],
    ['a%2fb%2Fc', 'a/b/c', 'encoded slashes are slashes'],
    ['a\\b', 'a/b', 'so are backslashes'],
    ['%2e%2E/%2e%2e/etc', 'etc', 'encoded dots are dots, and lead no higher than the root'],
    ['../../../etc/passwd', 'etc/passwd', 'the root is never left'],
    ['..\\..\\x', 'x', 'whatever the slash'],
    ['%252e%252e%252fx', '%252e%252e%252fx', 'what is encoded twice means itself'],
    ['%%2e2e/x', '%.2e/x', 'in one pass: what comes out is not decoded again'],
    ['a/b/../../..', '', 'nothing is left'],
    ['.', '', 'nothing is left'],
    ['.. ', '', 'what is left without its white space leads nowhere either'],
    ['a/b/.. ', 'a', 'nor does it with something before it'],
    ['a/ \t', 'a', 'white space at the end goes, and with it what was nothing else'],
    ['a /b ', 'a /b', 'only at the end'],
    ['key\n', 'key', 'as a YAML block leaves it'],
    [' a', ' a', 'white space at the beginning stays'],
    ['a\u0085\u00a0\u3000', 'a', 'white space is what Unicode says'],
    ['a\ufeff', 'a\ufeff', 'which a mark of byte order is not'],
    ['a\0b', '', 'a zero byte is in no path'],
    ['x'.repeat(5000), 'x'.repeat(5000), 'the length is for the disk to judge'],
  ];
  for (const [rawKey, expected, why] of cases) {
    it(`${JSON.stringify(rawKey.slice(0, 40))} is ${JSON.stringify(expected.slice(0, 40))}: ${why}`, () => {
      const { key, warning } = sanitizeCacheKey(rawKey);
      assert.equal(key, expected);
      assert.equal(warning !== undefined, key !== rawKey, 'a change is told, and nothing else');
    });
  }

  it('is logged before and after the change, on one line of limited length', () => {
    assert.equal(sanitizeCacheKey('a%2fb').warning, 'cache key "a%2fb" sanitized to "a/b"');
    assert.equal(sanitizeCacheKey('..').warning, 'cache key ".." could not be sanitized');
    const { warning = '' } = sanitizeCacheKey(`${'\n'.repeat(50_000)}x/`);
    assert.doesNotMatch(warning, /\n/);
    assert.ok(warning.length < 1000);
  });

  it('never leaves its root, and does not change when it is sanitized again', () => {
    const parts = fc.constantFrom(
      '..',
      '.',
      '%2e',
      '%2E%2e',
      '/',
      '\\',
      '%2f',
      ' ',
      'a',
      '-',
      '\n',
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 20 }), (list) => {
        const { key } = sanitizeCacheKey(list.join(''));
        assert.ok(key.split('/').every((part) => part !== '..' && part !== '.'));
        assert.equal(key.startsWith('/'), false);
      }),
    );
  });

  it('takes no longer for a hostile key', () => {
    const beganMs = performance.now();
    sanitizeCacheKey('%2e%2e/'.repeat(200_000));
    sanitizeCacheKey('x /.. '.repeat(200_000));
    sanitizeCacheKey(`${' '.repeat(500_000)}x${' /'.repeat(200_000)}`);
    assert.ok(performance.now() - beganMs < 3000);
  });
});
