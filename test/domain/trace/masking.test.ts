import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultTokenPrefixes } from '../../../src/domain/trace/token-mask.ts';
import { optionsOf, textThrough } from './support.ts';

type Case = readonly [input: string, secrets: readonly string[], expected: string, why: string];

// `|` is where the input is cut into writes.
const PHRASES: readonly Case[] = [
  ['nothing to hide', [], 'nothing to hide', 'no phrases'],
  ['empty secrets hide nothing', ['', '  '], 'empty secrets hide nothing', 'blank is no secret'],
  ['secret|s', ['secrets'], '[MASKED]', 'cut near the end'],
  ['s|ecrets', ['secrets'], '[MASKED]', 'cut near the beginning'],
  ['a secret', [' secret\n'], 'a [MASKED]', 'phrases are trimmed'],
  ['secretssecrets', ['secrets'], '[MASKED][MASKED]', 'neighbours stay two'],
  ['s|secrets', ['secrets'], 's[MASKED]', 'begins again after a false start'],
  ['aaab', ['aab'], 'a[MASKED]', 'a false start that holds the true one: gitlab-runner shows it'],
  ['at the start', ['at'], '[MASKED] the start', 'first bytes'],
  ['the buffer', ['buffer'], 'the [MASKED]', 'last bytes'],
  ['ffoo barr ffooo', ['foo', 'bar'], 'f[MASKED] [MASKED]r f[MASKED]o', 'inside of words'],
  [
    'prefix_mask mask prefix_|mask prefix_ma|sk mas|k',
    ['mask', 'prefix_mask'],
    '[MASKED] [MASKED] [MASKED] [MASKED] [MASKED]',
    'one secret ends another',
  ],
  [
    'this is the en| foobar',
    ['this is the end', 'en foobar', 'en'],
    'this is the [MASKED]',
    'overlap',
  ],
  ['abcd', ['abc', 'bcd'], '[MASKED]', 'overlapping secrets: no end of either stays'],
  ['abcabc', ['abcab', 'cabc', 'b'], '[MASKED]', 'overlapping in a chain'],
  ['key: line one\nline t|wo.', ['line one\nline two'], 'key: [MASKED].', 'more than one line'],
  [`${'_'.repeat(8000)}|${'_'.repeat(8000)}`, ['_'.repeat(16000)], '[MASKED]', 'a large one'],
  ['pässw\u00f6rd geheim', ['pässwörd'], '[MASKED] geheim', 'not only ASCII'],
  ['sec', ['secret'], 'sec', 'a mere beginning is let go at the end'],
];

describe('masking of phrases', () => {
  for (const [input, maskPhrases, expected, why] of PHRASES) {
    it(`${JSON.stringify(input.slice(0, 50))} becomes ${expected.slice(0, 60)}: ${why}`, () => {
      assert.equal(textThrough(optionsOf({ maskPhrases }), input.split('|')), expected);
    });
  }
});

const ELEVEN = Array.from({ length: 11 }, (_, i) => `mask${i + 1}-`);
const TOKENS: readonly Case[] = [
  ['ex glpat-imperdiet in', [], 'ex glpat-[MASKED] in', 'in the middle'],
  ['esseglpat-im=_-. end', [], 'esseglpat-[MASKED] end', 'inside of a word, whole alphabet'],
  ['glpat-impglpat-erdiet x', [], 'glpat-[MASKED] x', 'a prefix within a token'],
  ['glpat|-im gl|pat-im glpat-|im', [], 'glpat-[MASKED] glpat-[MASKED] glpat-[MASKED]', 'cut'],
  ['glpat| -imperdiet', [], 'glpat -imperdiet', 'no prefix at all'],
  ['glpat- x', [], 'glpat- x', 'nothing follows'],
  ['glpat-a|b', [], 'glpat-[MASKED]', 'one token in two writes is masked once'],
  ['_gitlab_session=abc; x', [], '_gitlab_session=[MASKED]; x', 'a cookie'],
  ['stok-|d gltok-test do tok-i', ['tok-'], 'stok-[MASKED] gltok-[MASKED] do tok-[MASKED]', 'own'],
  ['x#y:ab', ['x#', '#y:'], 'x#[MASKED]:[MASKED]', 'prefixes that overlap'],
  ['mask1-a mask10-a glagent-a', ELEVEN, 'mask1-[MASKED] mask10-a glagent-a', '15 shortest'],
];

describe('masking of tokens', () => {
  for (const [input, own, expected, why] of TOKENS) {
    it(`${JSON.stringify(input)} becomes ${expected}: ${why}`, () => {
      const tokenPrefixes = [...own, ...defaultTokenPrefixes(true)];
      assert.equal(textThrough(optionsOf({ tokenPrefixes }), input.split('|')), expected);
    });
  }

  it('knows only glpat- when the feature flag is off', () => {
    const tokenPrefixes = defaultTokenPrefixes(false);
    const text = textThrough(optionsOf({ tokenPrefixes }), ['glpat-a glrt-b']);
    assert.equal(text, 'glpat-[MASKED] glrt-b');
  });
});

type UrlCase = readonly [input: string, expected: string, why: string];
const KEY = '?x-amz-credential=';
const URLS: readonly UrlCase[] = [
  ['http://e.org/?test=foobar', 'http://e.org/?test=foobar', 'not a secret key'],
  ['?this-is-a-really-long-key-name=x', '?this-is-a-really-long-key-name=x', 'longer than any key'],
  ['?private_token=dead at', '?private_token=[MASKED] at', 'ends at a space'],
  ['?authenticity_token=dead', '?authenticity_token=[MASKED]', 'ends with the text'],
  ['?X-AMZ-sigNATure=dead x', '?X-AMZ-sigNATure=[MASKED] x', 'case does not count'],
  ['?a=b&rss_token=d&x=y', '?a=b&rss_token=[MASKED]&x=y', 'the second parameter'],
  [
    '?x-amz?x-amz-security-token=h &',
    '?x-amz?x-amz-security-token=[MASKED] &',
    'a key begins again',
  ],
  ['rss_token=shown ?rss_token=!@#$A', 'rss_token=shown ?rss_token=[MASKED]', 'needs ? or &'],
  [`${KEY}&private_token=g`, `${KEY}[MASKED]&private_token=[MASKED]`, 'an empty value'],
  [`${KEY}a??private_token=g`, `${KEY}[MASKED]??private_token=[MASKED]`, 'ends twice'],
  [`${KEY}abc\n${KEY}abc\b.`, `${KEY}[MASKED]\n${KEY}[MASKED]\b.`, 'line ends, control characters'],
  [`${KEY}abc\u3000d`, `${KEY}[MASKED]\u3000d`, 'white space of three bytes'],
  [`${KEY}ab\u00e9\u0085d`, `${KEY}[MASKED]\u0085d`, 'a control character of two bytes'],
  ['?|one |?|x-amz-cre|dential=ab|c', '?one ?x-amz-credential=[MASKED]', 'cut everywhere'],
  ['?x-amz-credential=|', '?x-amz-credential=[MASKED]', 'cut behind the key'],
  ['?x', '?x', 'a mere beginning'],
];

describe('masking of URL parameters', () => {
  for (const [input, expected, why] of URLS) {
    it(`${JSON.stringify(input)} becomes ${JSON.stringify(expected)}: ${why}`, () => {
      assert.equal(textThrough(optionsOf(), input.split('|')), expected);
      assert.equal(
        textThrough(
          optionsOf(),
          [...Buffer.from(input.replaceAll('|', ''))].map((byte) => Uint8Array.of(byte)),
        ),
        expected,
      );
    });
  }
});
