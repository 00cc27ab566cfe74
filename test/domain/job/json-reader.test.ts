import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';
import {
  readAnyText,
  readBoolean,
  readFields,
  readInteger,
  readList,
  readText,
  type Read,
} from '../../../src/domain/job/json-reader.ts';

const texts = readList(readText, 2);

describe('a value of a document', () => {
  const cases: [read: Read<unknown>, value: unknown, expected: unknown, why: string][] = [
    [readText, undefined, '', 'absent is the zero value'],
    [readText, null, '', 'null is absent'],
    [readText, 'a\nb', 'a\nb', 'kept as it is'],
    [readAnyText, 'a\0', 'a\0', 'looked at before it is used'],
    [readBoolean, undefined, false, 'absent'],
    [readBoolean, true, true, 'kept'],
    [readInteger, null, 0, 'absent'],
    [readInteger, -5, -5, 'kept, with its sign'],
    [readInteger, 2 ** 53 - 1, 2 ** 53 - 1, 'the largest that is exact'],
    [texts, undefined, [], 'absent'],
    [texts, ['a', null], ['a', ''], 'items can be absent too'],
  ];
  for (const [read, value, expected, why] of cases) {
    it(`${JSON.stringify(value)} is read as ${JSON.stringify(expected)}: ${why}`, () => {
      assert.deepEqual(read(value, 'at'), expected);
    });
  }

  const refused: [read: Read<unknown>, value: unknown, message: string, why: string][] = [
    [readText, 5, 'at: expected a string, got a number', 'no conversion'],
    [readText, ['x'], 'at: expected a string, got a list', 'the kind is told, not the value'],
    [readText, 'a\0', 'at: expected text without NUL bytes', 'nothing can hold one'],
    [readBoolean, 'true', 'at: expected true or false, got a string', 'no conversion'],
    [readInteger, 1.5, 'at: expected a whole number, got a number with a fraction', 'no rounding'],
    [readInteger, 2 ** 53, 'at: expected a whole number, got a number too large', 'not exact'],
    [readInteger, {}, 'at: expected a whole number, got an object', 'no conversion'],
    [texts, 'x', 'at: expected a list, got a string', 'text is no list of letters'],
    [texts, ['a', 'b', 'c'], 'at: expected at most 2 entries, got 3', 'memory is bounded'],
    [texts, ['a', {}], 'at[1]: expected a string, got an object', 'the place is told'],
    [readFields, [], 'at: expected an object, got a list', 'a list has no fields'],
  ];
  for (const [read, value, message, why] of refused) {
    it(`${JSON.stringify(value)} is refused: ${why}`, () => {
      assert.throws(
        () => read(value, 'at'),
        (error) => {
          assert.ok(error instanceof FinalError && error.type === FailureType.InvalidPayload);
          assert.equal(error.message, `the job from GitLab is not usable: ${message}`);
          return true;
        },
      );
    });
  }
});

describe('fields of an object', () => {
  it('are only its own keys', () => {
    const fields = readFields(JSON.parse('{"__proto__":{"a":"x"}}'), '');
    assert.equal(fields.read('a', readText), '');
    assert.equal(readFields({}, '').read('constructor', readText), '');
    assert.deepEqual(fields.keys(), ['__proto__']);
  });

  it('are named by their whole path in faults', () => {
    const outer = readFields({ inner: { x: 5 } }, 'job');
    assert.throws(
      () => outer.read('inner', (value, path) => readFields(value, path).read('x', readText)),
      /job\.inner\.x: expected a string/,
    );
  });

  it('of an absent object are all absent', () => {
    assert.equal(readFields(undefined, '').read('a', readText), '');
    assert.deepEqual(readFields(null, '').keys(), []);
  });
});
