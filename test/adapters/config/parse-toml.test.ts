import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parse } from 'toml';
import { parseToml } from '../../../src/adapters/config/parse-toml.ts';
import { isTable } from '../../../src/adapters/config/toml-table.ts';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';
import { askGo } from '../../support/ask-go.ts';

const merged: readonly [toml: string, expected: unknown, why: string][] = [
  [
    '[[runners]]\ndocker = { image = "a" }\n[runners.docker.sysctls]\n"net.x" = "1"',
    { runners: [{ docker: { image: 'a', sysctls: { 'net.x': '1' } } }] },
    'a header goes on with an inline table',
  ],
  [
    '[[runners]]\ncache.Type = "s3"\n[runners.cache]\nPath = "p"\n[[runners]]\n[runners.cache]\n',
    { runners: [{ cache: { Type: 's3', Path: 'p' } }, { cache: {} }] },
    'a header goes on with a table of dotted keys',
  ],
  ['a = { b = 1 }\na.c = 2', { a: { b: 1, c: 2 } }, 'a dotted key goes on with an inline table'],
  ['a = { b = { c = 1 }, b.d = 2 }', { a: { b: { c: 1, d: 2 } } }, 'so within an inline table'],
  [
    '[a.b]\nc = 1\n[a]\nb.d = 2',
    { a: { b: { c: 1, d: 2 } } },
    'a dotted key goes on with a header',
  ],
  ['a = {}\n[a.b]\n[a.c]', { a: { b: {}, c: {} } }, 'several headers go on'],
  [
    'a = {}\r\n[a."b # c"] # d\r\n"x\\u0041" = """\n]"""\r\n',
    { a: { 'b # c': { xA: ']' } } },
    'quotes, comments and ends of lines are no structure',
  ],
  [
    "a = { t = 1979-05-27 07:32:00Z, l = [ 'x', # y\n 2, ], }\n[a.b]",
    { a: { t: { $time: 296638320000 }, l: ['x', 2], b: {} } },
    'values of all kinds stay what they are',
  ],
  ['a.b = 1\na = 2', { a: { b: 1 } }, 'what BurntSushi passes over is passed over'],
];

const numbers: readonly [toml: string, expected: number][] = [
  ['a = 9223372036854775807', Number.MAX_SAFE_INTEGER],
  ['a = -9223372036854775808', Number.MIN_SAFE_INTEGER],
  ['a = 0x7fffffffffffffff', Number.MAX_SAFE_INTEGER],
  ['a = 9007199254740991', Number.MAX_SAFE_INTEGER],
  ['a = 9007199254740993', Number.MAX_SAFE_INTEGER],
  ['a = 7', 7],
];

const refused: readonly [toml: string, complaint: string][] = [
  ['a = {}\n[a.b]\n[c]\n[c]', 'f:4:1: "c" is set twice'],
  ['a = { b = 1 }\n[a.c]\n  a.x = 1\n[a]\n  b = 2', 'f:4:1: "a" is set twice'],
  ['[a]\nb = 1\nb = 2', 'f:3:1: "a.b" is set twice'],
  ['a = 1\n[a.b]', 'f:2:1: "a" is no table'],
  ['a = [{}]\n[[a]]', 'f:2:1: "a" is no list of [[tables]]'],
  ['a = {}\n[a.b]\nc = 9223372036854775808', 'f:3:5: Integer 9223372036854775808 is outside'],
  ['a = {}\n[a.b]\nc = ', 'f:3:5: this is not TOML: '],
];

describe('parseToml', () => {
  for (const [toml, expected, why] of merged) {
    it(`reads ${JSON.stringify(toml)}: ${why}`, () => {
      assert.deepEqual(readable(parseToml(toml, 'f')), expected);
    });
  }

  for (const [toml, expected] of numbers) {
    it(`reads ${toml} as ${expected}`, () => {
      assert.equal(parseToml(toml, 'f')['a'], expected);
      assert.equal(parseToml(`x = {}\n[x.y]\n${toml}`, 'f')['a'], undefined, 'in its own table');
    });
  }

  for (const [toml, complaint] of refused) {
    it(`refuses ${JSON.stringify(toml)} and names the line to change`, () => {
      assert.throws(
        () => parseToml(toml, 'f'),
        (error: unknown) => {
          assert.ok(error instanceof FinalError);
          assert.equal(error.type, FailureType.InvalidConfig);
          assert.ok(error.message.startsWith(complaint), error.message);
          return true;
        },
      );
    });
  }

  it('is not confused by keys with a meaning in JavaScript', () => {
    const table = parseToml('__proto__ = { a = 1 }\n[__proto__.b]\nconstructor.c = 1', 'f');
    assert.deepEqual(Object.keys(table), ['__proto__']);
    assert.equal(({} as Record<string, unknown>)['a'], undefined);
  });

  it('reads like BurntSushi/toml: the table above, and what of 10,000 random texts is not TOML', (t) => {
    const texts = [
      ...merged.map(([toml]) => toml),
      ...numbers.map(([toml]) => toml),
      ...WRITTEN_VALUES.flatMap((value) => [`a = ${value}`, `a = {}\na.b = [${value}]`]),
      ...fc.sample(statements, 10_000).filter(isRefused),
    ];
    const asked = askGo('toml', texts);
    if ('absent' in asked) return t.skip(asked.absent);
    const different = texts
      .map((toml, index) => ({ toml, verdict: JSON.parse(asked.answers[index] ?? '') as unknown }))
      .filter(({ verdict }) => !isTable(verdict) || verdict['$refused'] === undefined)
      .map(({ toml, verdict }) => ({
        toml,
        actual: comparable(readOrSay(toml)),
        expected: comparable(untagged(verdict)),
      }))
      .filter(({ actual, expected }) => actual !== expected);
    assert.deepEqual(different, []);
  });
});

/** Statements with few names in random order, so that they conflict. */
const name = fc.constantFrom('a', 'a', 'b', 'b', 'c', '"a"', "'b'", '"a.b"');
const key = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
const value = fc.constantFrom(
  ...['1', '[1]', '[]', '{}', '{a=1}', '{b=2}', '{a={b=1}}', '{a.b=1}', '{a.b=1,a.c=2}'],
  ...['[{a=1}]', '[{a=1},{b=2}]', '{a=[{b=1}]}', '{a.b=1,a={c=2}}', '{a={c=2},a.b=1}'],
  ...[
    '"""a\n[b]"""',
    "'''\n[[c]]\na = 1'''",
    '[\n1, # a = 2\n2\n]',
    '{ "a" = 1, b . c = 2 }',
    '"a # b"',
  ],
);
const statement = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(key, value).map(([left, right]) => `${left} = ${right}`) },
  { weight: 3, arbitrary: key.map((path) => `[${path}]`) },
  { weight: 2, arbitrary: key.map((path) => `[[${path}]]`) },
);
const statements = fc
  .tuple(
    fc.array(statement, { minLength: 2, maxLength: 6 }),
    fc.constantFrom('\n', '\n', '\r\n', ' # [a]\n', '\n\n  '),
  )
  .map(([lines, end]) => lines.join(end));

/** Documents that one of the two readers might refuse. */
const WRITTEN_VALUES = [
  ...['0o17', '0b11', '0xAf_1', '1_000', '+1', '-0', '1e5', '1.5E-3', '0e1', '-inf', '+nan'],
  ...['"\\e"', '"\\x41"', '"\\x80"', '"\\U0001F600"', "'a\\b'", '"""\na\\\n   b"""', '"""a"""""'],
  ...['"""a\\ \n b"""', "'''\n'a''''", '[1,2,]', '[1\n,2 # c\n]', '[1,"a",true,[{}]]'],
  ...['{a=1,}', '{a=1,\n b=2\n}', '{a=1 # c\n}', '{\n}', '{a=1, # c\n}', '{"a b"=1}', '{""=1}'],
  ...['2026-01-01T00:00:00Z', '2026-01-01 00:00:00z', '0001-01-01T00:00:00Z'],
  ...['9999-12-31T23:59:59Z', '2026-01-01T00:00Z', '1979-05-27T00:32:00.999999-07:00'],
];

/**
 * Whether `toml` refuses a text. The others are read by it alone, also where BurntSushi/toml is
 * wrong: it forgets a table of dotted keys after an earlier `[[table]]` with a list of that name.
 */
function isRefused(text: string): boolean {
  try {
    parse(text, { bigint: true });
    return false;
  } catch {
    return true;
  }
}

function readOrSay(toml: string): unknown {
  try {
    return readable(parseToml(toml, 'f'));
  } catch (error) {
    return String(error);
  }
}

/** The value for a Go value with a tag, in the terms of `readable`. */
function untagged(tagged: unknown): unknown {
  if (Array.isArray(tagged)) return tagged.map(untagged);
  if (!isTable(tagged)) return tagged;
  const { $int, $float, $time } = tagged as Readonly<Record<string, string | undefined>>;
  if ($time !== undefined) return { $time: Date.parse($time) };
  if ($float !== undefined) return Number($float.replace(/Inf$/, 'Infinity'));
  if ($int === undefined) {
    return Object.fromEntries(
      Object.entries(tagged).map(([each, inner]) => [each, untagged(inner)]),
    );
  }
  const limit = Number.MAX_SAFE_INTEGER;
  return Math.min(Math.max(Number($int), -limit), limit);
}

function readable(value: unknown): unknown {
  if (value instanceof Date) return { $time: value.getTime() };
  if (Array.isArray(value)) return value.map(readable);
  if (!isTable(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([each, inner]) => [each, readable(inner)]));
}

/** Formats a value as text with ordered keys, which shows NaN and the sign of 0. */
function comparable(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'number') return `number ${inner}`;
    if (!isTable(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
