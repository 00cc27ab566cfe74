import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseGpus } from '../../../src/domain/executor/gpus.ts';
import type { DeviceRequest } from '../../../src/domain/executor/specs.ts';

const ONE: DeviceRequest = {
  driver: '',
  count: 1,
  deviceIds: [],
  capabilities: [['gpu']],
  options: {},
};

describe('gpus, with the syntax of docker run --gpus', () => {
  const good: readonly [text: string, expected: Partial<DeviceRequest>, why: string][] = [
    ['all', { count: -1 }, 'every one'],
    ['2', { count: 2 }, 'a number alone is a count'],
    ['count=3', { count: 3 }, 'a count by its name'],
    ['count=all', { count: -1 }, 'every one, by the name'],
    ['device=1', { count: 0, deviceIds: ['1'] }, 'Docker refuses a count beside devices'],
    ['"device=0,1"', { count: 0, deviceIds: ['0', '1'] }, 'commas in quotes'],
    ['driver=nvidia', { driver: 'nvidia' }, 'one, of this driver'],
    [
      'all,"capabilities=compute,utility"',
      { count: -1, capabilities: [['compute', 'utility', 'gpu']] },
      'a GPU has to be able to do all of this',
    ],
    ['2,options=a=b', { count: 2, options: { a: 'b' } }, 'an option with its value'],
    [
      '"options=""a=1"",b"',
      { options: { a: '1', b: '' } },
      'quotes in quotes, and an option without a value',
    ],
  ];
  for (const [text, expected, why] of good) {
    it(`accepts ${text}: ${why}`, () => {
      assert.deepEqual(parseGpus(text), { ...ONE, ...expected });
    });
  }

  it('requests none when it is empty', () => {
    assert.deepEqual(['', '  '].map(parseGpus), [undefined, undefined]);
  });

  const bad: readonly [text: string, expected: RegExp][] = [
    ['some', /the count "some" is neither a whole number nor "all"/],
    ['1,2', /"count" can be specified only once/],
    ['colour=red', /"colour" is none of driver, count, device, capabilities, options/],
    ['"device=0,1', /a quote is missing/],
    ['dev"ice', /a quote is missing, or stands where it must not/],
    ['driver=a,', /the count "" is neither/],
  ];
  for (const [text, expected] of bad) {
    it(`tells what is wrong with ${text}`, () => {
      const problem = parseGpus(text);
      assert.ok(typeof problem === 'string');
      assert.match(problem, expected);
    });
  }
});
