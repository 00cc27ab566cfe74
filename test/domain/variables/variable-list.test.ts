import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  expandAll,
  filePath,
  fromJob,
  listVariables,
  MAX_EXPANDED_LENGTH,
  runnerVariable,
  type Variable,
} from '../../../src/domain/variables/variable-list.ts';

const v = (key: string, value: string, flags: Partial<Variable> = {}): Variable => ({
  ...runnerVariable(key, value),
  isRaw: false,
  ...flags,
});
const valuesOf = (...entries: Variable[]): string[] =>
  expandAll(entries, listVariables(entries, '/t')).entries.map(({ value }) => value);

describe('a list of variables', () => {
  it('finds the last variable of a name', () => {
    const list = listVariables([v('A', '1'), v('A', '2')], '/t');
    assert.equal(list.last('A')?.value, '2');
    assert.equal(list.last('toString'), undefined);
  });

  const cases: [text: string, expected: string, why: string][] = [
    ['$A', '$B', 'values as they stand'],
    ['$F', '/t/F', 'file variables by their path'],
    ['$NONE', '', 'an unknown name is nothing'],
    ['$$A', '$A', 'a dollar sign'],
    ['$?', '', 'a name of shells, also when somebody set it'],
    ['$constructor', '', 'no property of objects'],
  ];
  for (const [text, expected, why] of cases) {
    it(`expands ${text} to "${expected}": ${why}`, () => {
      const entries = [v('A', '$B'), v('B', 'b'), v('F', 'x', { isFile: true }), v('?', 'x')];
      assert.equal(listVariables(entries, '/t').expand(text), expected);
    });
  }

  it('gives up on a value that becomes longer than allowed', () => {
    const list = listVariables([v('A', 'x'.repeat(100))], '/t');
    assert.equal(list.expand('$A$A', 200 + '$A$A'.length), 'x'.repeat(200));
    assert.equal(list.expand('$A$A', 199), undefined);
    assert.equal(list.expand('$A'.repeat(200_000)), undefined, 'and never builds it');
  });
});

describe('expansion of all variables', () => {
  it('takes one step, with the unexpanded list', () => {
    assert.deepEqual(valuesOf(v('A', '$B'), v('B', '$C'), v('C', 'c')), ['$C', 'c', 'c']);
  });

  it('treats a variable that refers to itself like gitlab-runner, which is unexpected', () => {
    assert.deepEqual(valuesOf(v('PATH', '$PATH:/x')), ['$PATH:/x:/x']);
  });

  it('does not expand raw values, which others may refer to', () => {
    assert.deepEqual(valuesOf(v('A', '$B', { isRaw: true }), v('B', '<$A>')), ['$B', '<$B>']);
  });

  it('keeps the total within one limit, whatever values double each other', () => {
    const big = v('BIG', 'x'.repeat(1_000_000));
    const entries = [big, ...Array.from({ length: 50 }, (_, index) => v(`K${index}`, '$BIG'))];
    const { entries: expanded, tooLong } = expandAll(entries, listVariables(entries, '/t'));
    const total = expanded.reduce((sum, { value }) => sum + value.length, 0);
    assert.ok(total <= MAX_EXPANDED_LENGTH + 1_000_000 + 50 * 4, `${total}`);
    assert.equal(tooLong.length, 50 - 16);
    assert.equal(expanded.at(-1)?.value, '$BIG', 'what is too long stays as it was');
  });

  it('changes nothing without a dollar sign, and keeps the rest of an entry', () => {
    const entry = fc.record({ key: fc.string(), value: fc.string(), isFile: fc.boolean() });
    fc.assert(
      fc.property(fc.array(entry), (given) => {
        const entries = given.map(({ key, value, isFile }) => v(key, value, { isFile }));
        const expanded = expandAll(entries, listVariables(entries, '/t')).entries;
        entries.forEach((before, index) => {
          const after = expanded[index];
          assert.deepEqual({ ...after, value: '' }, { ...before, value: '' });
          if (!before.value.includes('$')) assert.equal(after?.value, before.value);
        });
      }),
    );
  });
});

describe('a variable', () => {
  it('of a job is seen by services when it is public', () => {
    const wire = { key: 'K', value: 'v', file: true, masked: true, raw: true };
    const flags = { isFile: true, isMasked: true, isRaw: true };
    for (const isForServices of [true, false]) {
      assert.deepEqual(fromJob({ ...wire, public: isForServices }), {
        ...{ key: 'K', value: 'v', isForServices },
        ...flags,
      });
    }
  });

  it('that is a file is stored under its name in the temporary directory', () => {
    assert.equal(filePath('/builds/g/p.tmp', 'KUBECONFIG'), '/builds/g/p.tmp/KUBECONFIG');
  });
});
