import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createTemplates } from '../../../src/domain/inputs/template.ts';
import type { Value } from '../../../src/domain/inputs/value.ts';

const INPUTS: Readonly<Record<string, Value>> = {
  name: 'fred',
  empty: '',
  age: 42,
  ratio: 0.5,
  on: true,
  off: false,
  tags: ['smoke', 'a "b"', 3],
  address: new Map<string, Value>([
    ['line1', '42 Wallaby Way'],
    ['post-code', 2000],
  ]),
  'odd-name': 'odd',
  many: '${{ job.inputs.name }}',
  large: 'x'.repeat(1024 * 1024),
};

function expand(text: string, secret = 'hunter2'): string {
  const inputs = Object.entries(INPUTS).map(([key, value]) => ({ key, value, isSensitive: false }));
  const all = [...inputs, { key: 'password', value: secret, isSensitive: true }];
  return createTemplates(all, () => undefined)(text);
}

const values: readonly (readonly [expression: string, text: string, why: string])[] = [
  ['job.inputs.name', 'fred', 'a string is itself'],
  ['job.inputs["odd-name"]', 'odd', 'a name that needs brackets'],
  ['job["inputs"].name', 'fred', 'brackets and dots are the same'],
  ['job . inputs\n.name', 'fred', 'space does not matter'],
  ['job.inputs.age', '42', 'a number without a fraction'],
  ['job.inputs.ratio', '0.5', 'a number with one'],
  ['job.inputs.off', 'false', 'a boolean'],
  ['job.inputs.tags', '["smoke","a \\"b\\"",3]', 'an array is JSON'],
  ['job.inputs.tags[1]', 'a "b"', 'an item by its number'],
  ['job.inputs.address', '{"line1":"42 Wallaby Way","post-code":2000}', 'an object is JSON'],
  ['job.inputs.address.line1', '42 Wallaby Way', 'a member of an object'],
  ['job.inputs.many', '${{ job.inputs.name }}', 'what came out is not looked at again'],
  ['null', '<null>', 'as gitlab-runner says it'],
  ['1.5e3', '1500', 'a number with an exponent'],
  ['2E-4', '0.0002', 'and a capital one'],
  ['"a\\n\\t\\"\\\\\\u0041"', 'a\n\t"\\A', 'escapes in double quotes'],
  ["'a\\n\\'\\\\'", "a\\n'\\", 'two escapes in single quotes'],
  ['"<${{ job.inputs.name }}>"', '<fred>', 'an expression in double quotes'],
  ["'<${{ job.inputs.name }}>'", '<${{ job.inputs.name }}>', 'none in single quotes'],
  ['"\\${{ x }}"', '${{ x }}', 'an escaped one in double quotes'],
  ['"$5"', '$5', 'a dollar that begins nothing'],
  ['1 + 2 * 3', '7', 'products before sums'],
  ['(1 + 2) * 3', '9', 'parentheses before all'],
  ['10 - 4 - 3', '3', 'the left one first'],
  ['10 / 4', '2.5', 'division'],
  ['-7 % 3', '-1', 'the rest has the sign of what is divided'],
  ['- -5', '5', 'one sign before another'],
  ['"a" + "b" + \'c\'', 'abc', 'texts are joined'],
  ['1 == "1"', 'false', 'kinds that differ are never equal'],
  ['1 < "1"', 'true', 'and are ordered by kind'],
  ['[1, 2] == [1, 2,]', 'true', 'arrays item by item, with a comma behind the last'],
  ['[1, 2] < [1, 3]', 'true', 'the first that differs'],
  ['[1] < [1, 0]', 'true', 'then the shorter one'],
  ['{a: 1, b: 2} == {b: 2, a: 1,}', 'true', 'the order of members does not matter'],
  ['{a: {b: 1}}', '{"a":{"b":1}}', 'braces that look like the end'],
  ['{("a" + "b"): 1, "c": 2}', '{"ab":1,"c":2}', 'keys that are worked out, and quoted ones'],
  ['"\u{ffff}" < "\u{10000}"', 'true', 'code points, not UTF-16'],
  ['false < true && null == null', 'true', 'booleans and null'],
  ['job.inputs.on && "-v" || ""', '-v', 'one of the two'],
  ['job.inputs.off && "-v" || ""', '', 'or the other'],
  ['job.inputs.empty || "default"', 'default', 'what is empty is not true'],
  ['0 || [] || {} || null || "end"', 'end', 'nor are these'],
  ['true || job.inputs.password', 'true', 'the right side is not looked at'],
  ['!job.inputs.empty', 'true', 'not'],
  ['!!job.inputs.tags', 'true', 'not not'],
  ['str(42) + str(true) + str(null)', '42true<null>', 'str'],
  ['num("3.14") + num(1)', '4.140000000000001', 'num'],
  ['bool("x")', 'true', 'bool'],
  ['str(job.inputs.tags[2])', '3', 'calls and members'],
];

const faults: readonly (readonly [text: string, message: RegExp, why: string])[] = [
  ['${{ job.inputs.name + }}', /expected a value at character 23, found "}}"/, 'half a sum'],
  ['${{ job.inputs.none }}', /there is no "none"/, 'no such input'],
  ['${{ env.HOME }}', /there is no "env" here: job is all there is/, 'no such name'],
  ['${{ }}', /expected a value/, 'nothing'],
  ['${{ 1', /expected "}}" at character 6, found the end of the text/, 'no end'],
  ['${{ 1 2 }}', /expected "}}"/, 'two values'],
  ['${{ "a }}', /no end/, 'a text without end'],
  ["${{ 'a }}", /no end/, 'the same in single quotes'],
  ['${{ "\\q" }}', /no escape/, 'an unknown escape'],
  ['${{ "\\u0000" }}', /NUL/, 'no script can hold one'],
  ['${{ "a" + 1 }}', /"\+" cannot join a string and a number/, 'nothing is converted by itself'],
  ['${{ -"a" }}', /"-" needs a number, not a string/, 'a sign for text'],
  ['${{ 1 / 0 }}', /division by zero/, 'by zero'],
  ['${{ 1 % 0 }}', /division by zero/, 'the rest by zero'],
  ['${{ 1e308 * 10 }}', /too large/, 'no number is infinite'],
  ['${{ num("x") }}', /num: a string that is no number/, 'no number, and not shown'],
  ['${{ num("1e999") }}', /too large/, 'a number that is none'],
  ['${{ job.inputs.tags[3] }}', /there is no item 3: the array has 3/, 'behind the end'],
  ['${{ job.inputs.tags[-1] }}', /no item -1/, 'before the beginning'],
  ['${{ job.inputs.tags[0.5] }}', /no item 0.5/, 'between two'],
  ['${{ job.inputs.name.length }}', /a string has no member by a string/, 'text has no members'],
  ['${{ job.inputs.address.toString }}', /there is no "toString"/, 'none of JavaScript’s own'],
  ['${{ {1: 2} }}', /key of an object must be a string, not a number/, 'a number for a key'],
  ['${{ if }}', /a reserved word is no name/, 'a reserved word'],
  ['${{ now() }}', /no function "now": str, num, bool/, 'no such function'],
  ['${{ str() }}', /str takes one value, not 0/, 'too few'],
  ['${{ "a"("b") }}', /only a function can be called/, 'a call of text'],
  ['${{ job.inputs.password }}', /^sensitive$/, 'a sensitive input'],
  ['${{ job.inputs.password && "x" }}', /^sensitive$/, 'nothing is decided by it'],
  ['${{ job.inputs }}', /^sensitive$/, 'nor is it shown with all others'],
  ['${{ job == job }}', /^sensitive$/, 'nor compared with them'],
];

describe('templates of a job', () => {
  for (const [expression, text, why] of values) {
    it(`\${{ ${expression} }} is ${JSON.stringify(text)}: ${why}`, () => {
      assert.equal(expand(`<\${{ ${expression} }}>`), `<${text}>`);
    });
  }

  for (const [text, message, why] of faults) {
    it(`refuses ${text}: ${why}`, () => {
      assert.throws(() => expand(text), { name: 'ExpressionFault', message });
    });
  }

  it('leave text without an expression unchanged, and other backslashes too', () => {
    for (const text of ['', '$', '${', '${HOME}', '}} {{', 'a\\b\\\\', '$[[ inputs.x ]]']) {
      assert.equal(expand(text), text);
      assert.equal(expand(`${text}\${{ 1 }}${text}`.replace('\\${{', ' ${{')).includes('1'), true);
    }
  });

  it('turn an escaped expression into literal text', () => {
    assert.equal(expand('use \\${{ and ${{ 1 }}'), 'use ${{ and 1');
  });

  it('are evaluated one by one in one text', () => {
    assert.equal(expand('${{ job.inputs.name }}/${{ job.inputs.age }}!'), 'fred/42!');
  });

  it('never show a sensitive input in an error', () => {
    for (const [text] of faults) {
      try {
        expand(text, 'correct horse');
      } catch (error) {
        assert.doesNotMatch(String(error), /correct horse/);
      }
    }
  });

  it('end, however deep, long or unusual the text is', () => {
    const hostile = [
      `\${{ ${'('.repeat(100_000)}1`,
      `\${{ ${'!'.repeat(100_000)}1 }}`,
      `\${{ ${'[1]'.repeat(100_000)} }}`,
      `\${{ ${'1+'.repeat(100_000)}1 }}`,
      `\${{ ${'"${{ '.repeat(100_000)}`,
      `\${{ '${'\\\\'.repeat(500_000)}`,
      '${{ job.inputs.large }}'.repeat(17),
    ];
    for (const text of hostile) {
      assert.throws(() => expand(text), { name: 'ExpressionFault' });
    }
  });

  it('either return text or refuse, whatever they contain', () => {
    const pieces = ['${{', '}}', '"', "'", '\\', '(', ')', '[', ']', '{', '}', ':', ',', '.', '+'];
    const words = ['job', 'inputs', 'name', 'str', 'null', '1', '-', '!', '&&', '||', '==', ' '];
    const text = fc.array(fc.constantFrom(...pieces, ...words), { maxLength: 30 });
    fc.assert(
      fc.property(text, (parts) => {
        try {
          assert.equal(typeof expand(parts.join('')), 'string');
        } catch (error) {
          assert.equal((error as Error).name, 'ExpressionFault', String(error));
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
