import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readCacheSizeBytes } from '../../../src/worker/caches/cache-size.ts';

const read = (text: string | undefined): number =>
  readCacheSizeBytes({ TEMPORAL_GITLAB_RUNNER_CACHE_SIZE: text });

const cases: [text: string | undefined, expected: number, why: string][] = [
  [undefined, 0, 'no limit unless set'],
  ['', 0, 'as compose passes on what is not set'],
  ['0', 0, 'no limit'],
  ['50g', 50 * 2 ** 30, "Docker's units"],
  ['1.5 GiB', 1.5 * 2 ** 30, "Docker's units, in long"],
  ['1024', 1024, 'bytes'],
];
for (const [text, expected, why] of cases) {
  it(`caches may take ${JSON.stringify(text)}: ${expected} bytes, ${why}`, () => {
    assert.equal(read(text), expected);
  });
}

for (const text of ['50 %', '-1', 'half', '50gb/s']) {
  it(`refuses ${text} and names valid values`, () => {
    assert.throws(
      () => read(text),
      new RegExp(`TEMPORAL_GITLAB_RUNNER_CACHE_SIZE is "${text}": expected a size such as 50g`),
    );
  });
}
