import assert from 'node:assert/strict';
import { cpuUsage } from 'node:process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { globPath, parseGlob, readGlob } from '../../../src/domain/files/glob.ts';
import { askGo } from '../../support/ask-go.ts';
import { NAME_CASES, type DoublestarVerdict } from './doublestar-cases.ts';
import { SYNTAX_CASES } from './doublestar-syntax-cases.ts';

const DOUBLESTAR_CASES = [...NAME_CASES, ...SYNTAX_CASES];

function verdictOf(pattern: string, path: string): DoublestarVerdict {
  const glob = parseGlob(pattern);
  if (glob === undefined) return 'invalid';
  const { verdict } = glob.measure(globPath(path));
  assert.notEqual(verdict, 'too_complex');
  return verdict as DoublestarVerdict;
}

// Random sequences of pattern pieces produce all the odd cases: `{*,a}*`, `a**/b`, `[^{]`.
const pattern = fc
  .array(
    fc.constantFrom(
      ...['*', '*', '**', '**/', '/**', '/', '/', '?', '[a-c]', '[^a]', '[!b]', '[', ']', '[]a]'],
      ...['{a,b}', '{', '}', ',', '{*,a}', '{**/,}', '{a,{b,c}}', '\\', 'a', 'b', 'c', '-', '.'],
      ...['é', '💥', '[a-', '!', '^'],
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(''));
const path = fc
  .array(fc.constantFrom('a', 'b', 'c', '/', 'ab', '/', '.', 'é', '💥', '-', '[', '{', '*', '}'), {
    maxLength: 7,
  })
  .map((pieces) => pieces.join(''));

describe('parseGlob', () => {
  for (const { why, rows } of DOUBLESTAR_CASES) {
    describe(why, () => {
      for (const [glob, name, verdict] of rows) {
        it(`${JSON.stringify(glob)} and ${JSON.stringify(name)}: ${verdict}`, () => {
          assert.equal(verdictOf(glob, name), verdict);
        });
      }
    });
  }

  it('agrees with doublestar on the table above and on 20,000 random pairs', (t) => {
    const table = DOUBLESTAR_CASES.flatMap(({ rows }) => rows);
    const random = fc.sample(fc.tuple(pattern, path), 20_000);
    const pairs = [...table.map(([glob, name]) => [glob, name] as const), ...random];
    const asked = askGo('doublestar', pairs);
    if ('absent' in asked) return t.skip(asked.absent);
    const different = pairs
      .map(([glob, name], index) => ({
        ...{ glob, name, expected: asked.answers[index], actual: verdictOf(glob, name) },
      }))
      .filter(({ expected, actual }) => expected !== actual);
    assert.deepEqual(different, []);
    assert.deepEqual(
      table.map(([, , verdict]) => verdict),
      asked.answers.slice(0, table.length),
    );
  });

  it('treats alternatives like the patterns that they stand for, in 10,000 random cases', () => {
    const plain = pattern.filter((text) => !/[{}[\]\\,]/.test(text));
    const law = fc.property(
      plain,
      fc.array(plain, { minLength: 1, maxLength: 4 }),
      path,
      (head, alternatives, name) => {
        // Tails that match nothing count only without a brace before them, because then the path
        // continues.
        const apart = alternatives.map((each) => verdictOf(`${head}/${each}/z`, `${name}/z`));
        const braces = verdictOf(`${head}/{${alternatives.join(',')}}/z`, `${name}/z`);
        assert.equal(braces, apart.includes('match') ? 'match' : 'no_match');
      },
    );
    fc.assert(law, { numRuns: 10_000 });
  });

  it('matches only the text itself when it is escaped, in 10,000 random cases', () => {
    const text = fc.oneof(pattern, fc.string({ unit: 'grapheme' }));
    const law = fc.property(text, path, (wanted, other) => {
      const glob = parseGlob(wanted.replace(/[*?[\]{}\\]/g, '\\$&'));
      assert.deepEqual(
        [glob?.matches(wanted), glob?.matches(other), glob?.isLiteral, glob?.literalPrefix],
        [true, other === wanted, true, wanted],
      );
    });
    fc.assert(law, { numRuns: 10_000 });
  });

  it('returns a prefix of every match, in 10,000 random cases', () => {
    const law = fc.property(pattern, path, (text, name) => {
      const glob = parseGlob(text);
      if (glob?.matches(name) !== true) return;
      // `a/**` matches `a`, too.
      assert.ok(`${name}/`.startsWith(glob.literalPrefix), `${text} ${name}`);
    });
    fc.assert(law, { numRuns: 10_000 });
  });

  it('also matches paths below a match when requested, and no others, in 10,000 random cases', () => {
    const parts = fc.array(fc.constantFrom('a', 'b', 'c', 'ab', '.', 'é'), { minLength: 1 });
    // A pattern that ends with a slash matches a directory's name only where a path ends.
    const closed = pattern.filter((text) => !/\/(?:[,}]|$)/.test(text));
    const law = fc.property(closed, parts, (text, names) => {
      if (parseGlob(text) === undefined) return;
      const path = names.join('/');
      const verdict = parseGlob(text)?.measure(globPath(path), { takesBelow: true }).verdict;
      const isTaken = verdict === 'match';
      const own = parseGlob(text)?.measure(globPath(path)).verdict;
      const below = parseGlob(`${text}/**`)?.measure(globPath(path)).verdict;
      assert.equal(isTaken, own === 'match' || below === 'match', `${text} ${path}`);
      const above = names.map((_, index) => names.slice(0, index + 1).join('/'));
      const isBelow = above.some((name) => parseGlob(text)?.matches(name));
      // A part that only longer paths reach may turn out to be malformed.
      if (isBelow && verdict !== 'malformed') assert.ok(isTaken, `${text} ${path}`);
    });
    fc.assert(law, { numRuns: 10_000 });
  });

  const prefixes: [pattern: string, prefix: string, isLiteral: boolean, why: string][] = [
    ['', '', true, 'nothing'],
    ['a/b', 'a/b', true, 'no special character'],
    ['a/b*', 'a/b', false, 'up to the star'],
    ['a\\*b?', 'a*b', false, 'an escaped star is a character'],
    ['a\\\\', 'a\\', true, 'an escaped backslash too'],
    ['{a,b}', '', false, 'alternatives have no common prefix'],
    ['a[b]', 'a', false, 'nor does a class, even of one'],
    ['a]b,c', 'a]b,c', true, 'what closes nothing is a character'],
  ];
  for (const [text, literalPrefix, isLiteral, why] of prefixes) {
    it(`finds that ${JSON.stringify(text)} begins with ${JSON.stringify(literalPrefix)}: ${why}`, () => {
      const glob = parseGlob(text);
      assert.deepEqual([glob?.literalPrefix, glob?.isLiteral], [literalPrefix, isLiteral]);
    });
  }
});

describe('readGlob', () => {
  it('matches with a malformed pattern as far as it can be read', () => {
    assert.equal(parseGlob('odd}name'), undefined);
    assert.equal(readGlob('odd}name').matches('odd}name'), true);
    assert.equal(readGlob('a[').matches('a'), false);
  });
});

const KB_100 = 100 * 1024;
const hostile: [what: string, pattern: string, path: string][] = [
  ['a thousand stars', '*'.repeat(1_000), 'a'.repeat(KB_100)],
  ['100 KB of stars', '*'.repeat(KB_100), 'a'.repeat(KB_100)],
  ['stars between letters', '*a'.repeat(KB_100 / 2), 'a'.repeat(KB_100)],
  ['a star before a long text', `*${'a'.repeat(KB_100)}b`, 'a'.repeat(KB_100)],
  ['a star before half of the path', `*${'a'.repeat(KB_100 / 2)}b`, 'a'.repeat(KB_100)],
  ['double stars all along', '**/'.repeat(KB_100 / 3), 'a/'.repeat(KB_100 / 2)],
  ['double stars and letters', '**/a/'.repeat(KB_100 / 5), `${'a/'.repeat(KB_100 / 2)}b`],
  ['double stars and stars', `${'**/*a*/'.repeat(KB_100 / 7)}b`, 'aa/'.repeat(KB_100 / 3)],
  ['alternatives that are all alike', `${'{a,a}'.repeat(KB_100 / 5)}b`, 'a'.repeat(KB_100)],
  ['forty alternatives that are all alike', `${'{a,a}'.repeat(40)}b`, 'a'.repeat(41)],
  ['empty alternatives', `${'{,}'.repeat(KB_100 / 3)}b`, 'a'],
  ['a brace of 100,000 alternatives', `{${','.repeat(KB_100)}}`, 'a'],
  ['braces in braces', '{'.repeat(KB_100 / 2) + '}'.repeat(KB_100 / 2), 'a'],
  ['braces in braces with two ways each', '{,'.repeat(KB_100 / 3) + '}'.repeat(KB_100 / 3), 'a'],
  [
    'braces in braces at the end of the path',
    `a${'{,'.repeat(KB_100 / 3) + '}'.repeat(KB_100 / 3)}b`,
    'a',
  ],
  ['a star before braces', `*${'{a,aa}'.repeat(KB_100 / 6)}b`, 'a'.repeat(KB_100)],
  ['a class of 100 KB after a star', `*[${'b'.repeat(KB_100)}]`, 'a'.repeat(KB_100)],
  ['a class that is never closed', `[${'b'.repeat(KB_100)}`, 'a'.repeat(KB_100)],
  ['backslashes', '\\'.repeat(KB_100), '\\'.repeat(KB_100)],
  ['opening braces', '{'.repeat(KB_100), '{'.repeat(KB_100)],
  ['opening classes', '['.repeat(KB_100), '['.repeat(KB_100)],
];

describe('a hostile pattern and path of 100 KB', () => {
  for (const [what, text, name] of hostile) {
    it(`takes at most 200 ms: ${what}`, () => {
      const times = [1, 2, 3].map(() => {
        const start = cpuUsage();
        parseGlob(text)?.matches(name);
        return cpuUsage(start).user / 1000;
      });
      // Other programs share this machine, among them the compiler of this one.
      const best = Math.min(...times);
      assert.ok(best <= 200, `${best.toFixed(1)} ms`);
    });
  }
});
