import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readCacheDays } from '../../../src/worker/caches/cache-days.ts';

const read = (text: string | undefined): number =>
  readCacheDays({ TEMPORAL_GITLAB_RUNNER_CACHE_DAYS: text });

const cases: [text: string | undefined, expected: number, why: string][] = [
  [undefined, 60, 'two months unless set'],
  ['', 60, 'as compose passes on what is not set'],
  ['7', 7, 'a week'],
  ['0', 0, 'never'],
];
for (const [text, expected, why] of cases) {
  it(`caches are removed after ${JSON.stringify(text)}: ${expected} days, ${why}`, () => {
    assert.equal(read(text), expected);
  });
}

for (const text of ['7d', '-1', '1.5', 'never']) {
  it(`refuses ${text} and names valid values`, () => {
    assert.throws(
      () => read(text),
      new RegExp(`TEMPORAL_GITLAB_RUNNER_CACHE_DAYS is "${text}": expected a whole number of days`),
    );
  });
}
