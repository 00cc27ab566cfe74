import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCacheLimits } from '../../../src/worker/caches/cache-limits.ts';

type Case = readonly [text: string | undefined, expected: number, why: string];

describe('days after which a cache is removed', () => {
  const read = (text: string | undefined): number =>
    readCacheLimits({ TEMPORAL_GITLAB_RUNNER_CACHE_DAYS: text }).maxIdleDays;

  const cases: readonly Case[] = [
    [undefined, 60, 'two months unless set'],
    ['', 60, 'as compose passes on what is not set'],
    ['7', 7, 'a week'],
    ['0', 0, 'never'],
  ];
  for (const [text, expected, why] of cases) {
    it(`${JSON.stringify(text)}: ${expected}, ${why}`, () => assert.equal(read(text), expected));
  }

  for (const text of ['7d', '-1', '1.5', 'never']) {
    it(`refuses ${text} and names valid values`, () => {
      const told = `TEMPORAL_GITLAB_RUNNER_CACHE_DAYS is "${text}": expected a whole number of days`;
      assert.throws(() => read(text), new RegExp(told));
    });
  }
});

describe('bytes that caches may take', () => {
  const read = (text: string | undefined): number =>
    readCacheLimits({ TEMPORAL_GITLAB_RUNNER_CACHE_SIZE: text }).maxBytes;

  const cases: readonly Case[] = [
    [undefined, 0, 'no limit unless set'],
    ['', 0, 'as compose passes on what is not set'],
    ['0', 0, 'no limit'],
    ['50g', 50 * 2 ** 30, "Docker's units"],
    ['1.5 GiB', 1.5 * 2 ** 30, "Docker's units, in long"],
    ['1024', 1024, 'bytes'],
  ];
  for (const [text, expected, why] of cases) {
    it(`${JSON.stringify(text)}: ${expected}, ${why}`, () => assert.equal(read(text), expected));
  }

  for (const text of ['50 %', '-1', 'half', '50gb/s']) {
    it(`refuses ${text} and names valid values`, () => {
      const told = `TEMPORAL_GITLAB_RUNNER_CACHE_SIZE is "${text}": expected a size such as 50g`;
      assert.throws(() => read(text), new RegExp(told));
    });
  }
});
