import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorTextOf, excerptOf, hideSecrets } from '../../../src/domain/runner/answer-text.ts';

describe('the text of an error', () => {
  const cases: [json: unknown, expected: string, why: string][] = [
    [{ message: '403 Forbidden' }, 'status 400: 403 Forbidden', 'a text'],
    [
      { message: { tags: ['a', 'b'], url: 'c' } },
      'status 400: tags: a; b, url: c',
      'faults by field',
    ],
    [{ error: 'state is invalid' }, 'status 400: state is invalid', 'the other word for it'],
    [{ message: '', error: 'x' }, 'status 400: x', 'an empty text says nothing'],
    [{ message: 5 }, 'status 400', 'no words'],
    [{ message: {} }, 'status 400', 'no fields'],
    [undefined, 'status 400', 'no JSON'],
    [[1], 'status 400', 'a list'],
    [{ message: 'a\n\u001b[31mb' }, 'status 400: a [31mb', 'one line, nothing for a terminal'],
    [{ message: 'token abc is bad' }, 'status 400: token [MASKED] is bad', 'no secret'],
  ];
  for (const [json, expected, why] of cases) {
    it(`of ${JSON.stringify(json)} are "${expected}": ${why}`, () => {
      assert.equal(errorTextOf({ status: 400, json }, ['abc']), expected);
    });
  }

  it('is cut', () => {
    const text = errorTextOf({ status: 400, json: { message: 'x'.repeat(10_000) } }, []);
    assert.equal(text.length, 'status 400: '.length + 501);
  });
});

describe('excerpt of a page', () => {
  const cases: [page: string, expected: string, why: string][] = [
    [
      '<html><title>502</title><body><h1>Bad  Gateway</h1>',
      '502 Bad Gateway',
      'no tags, no runs of blanks',
    ],
    ['<script>evil()</script>a<style>b{}</style>c', 'a c', 'no code'],
    ['<!-- hidden -->x<!-- open', 'x', 'no comments'],
    ['a<script', 'a', 'cut in a tag'],
    ['token abc!', 'token [MASKED]!', 'no secret'],
    ['\u0000\u0007plain\u202e', 'plain', 'nothing invisible'],
    ['', '', 'nothing'],
  ];
  for (const [page, expected, why] of cases) {
    it(`of ${JSON.stringify(page)} is "${expected}": ${why}`, () => {
      assert.equal(excerptOf(page, ['abc']), expected);
    });
  }

  it('has at most 100 characters, and no half of a secret', () => {
    const text = excerptOf(`${'ä'.repeat(98)}abcabc`, ['abcabc']);
    assert.equal(text, `${'ä'.repeat(98)}[M…`);
  });

  it('is fast on hostile markup', () => {
    const startMs = performance.now();
    excerptOf('<script'.repeat(200_000), []);
    excerptOf('<'.repeat(1_000_000), []);
    excerptOf('<!--'.repeat(200_000), []);
    assert.ok(performance.now() - startMs < 1_000);
  });
});

describe('hidden secrets', () => {
  it('are replaced from the longest to the shortest, and an empty one hides nothing', () => {
    assert.equal(hideSecrets('abcd ab', ['ab', '', 'abcd']), '[MASKED] [MASKED]');
  });
});
