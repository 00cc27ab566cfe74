import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatHelperLine } from '../../../src/domain/trace/helper-line.ts';

it('is padded to a column, and its fields are sorted', () => {
  const line = formatHelperLine({ level: 'info', text: 'done', fields: { b: 2, a: 'x' } });
  assert.equal(line, `${'done'.padEnd(50)}\u001b[0;m  a\u001b[0;m=x b\u001b[0;m=2\n`);
});

it('has prefix and colour of its level', () => {
  const line = formatHelperLine({ level: 'warning', text: 'careful' });
  assert.equal(line, `\u001b[0;33mWARNING: ${'careful'.padEnd(41)}\u001b[0;m \n`);
  assert.match(formatHelperLine({ level: 'error', text: 'x' }), /^\u001b\[31;1mERROR: x/);
  assert.match(formatHelperLine({ level: 'fatal', text: 'x' }), /^\u001b\[31;1mFATAL: x/);
});
