import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readNodeWaitMs } from '../../src/worker/node-wait.ts';

const read = (text: string | undefined): number =>
  readNodeWaitMs({ TEMPORAL_GITLAB_RUNNER_NODE_WAIT: text });

const cases: [text: string | undefined, expected: number, why: string][] = [
  [undefined, 300_000, 'five minutes unless set'],
  ['', 300_000, 'as compose passes on what is not set'],
  ['90s', 90_000, 'a duration'],
  ['1h30m', 5_400_000, 'as long as one likes'],
  ['0', 0, 'no wait at all'],
];
for (const [text, expected, why] of cases) {
  it(`a wait of ${JSON.stringify(text)} is ${expected} ms: ${why}`, () => {
    assert.equal(read(text), expected);
  });
}

for (const text of ['5', 'soon', '-1m', '10000h']) {
  it(`refuses ${text} and names valid values`, () => {
    assert.throws(
      () => read(text),
      new RegExp(`TEMPORAL_GITLAB_RUNNER_NODE_WAIT is "${text}": expected a duration such as 90s`),
    );
  });
}
