import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatHelperLine } from '../../../src/domain/trace/helper-line.ts';

describe('a line of the helper', () => {
  it('has its fields after a message of fifty columns, sorted by name', () => {
    const line = formatHelperLine({
      level: 'info',
      text: 'Downloading artifacts from coordinator... ok',
      fields: { token: 'abc', id: 7, host: 'gitlab.example.com' },
    });
    assert.equal(
      line,
      'Downloading artifacts from coordinator... ok      \u001b[0;m  host\u001b[0;m=gitlab.example.com id\u001b[0;m=7 token\u001b[0;m=abc\n',
    );
  });

  it('has the colour and the prefix of its level, which count among the fifty columns', () => {
    assert.equal(
      formatHelperLine({
        level: 'warning',
        text: 'Retrying...',
        fields: { error: 'invalid argument' },
      }),
      `\u001b[0;33mWARNING: ${'Retrying...'.padEnd(41)}\u001b[0;m  \u001b[0;33merror\u001b[0;m=invalid argument\n`,
    );
    assert.equal(
      formatHelperLine({ level: 'fatal', text: 'permission denied' }),
      `\u001b[31;1mFATAL: ${'permission denied'.padEnd(43)}\u001b[0;m \n`,
    );
    assert.match(formatHelperLine({ level: 'error', text: 'x' }), /^\u001b\[31;1mERROR: x/);
  });
});
