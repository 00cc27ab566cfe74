import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { it } from 'node:test';
import { cleanFor } from '../../src/commands/logs.ts';
import { readAll } from '../support/read-all.ts';

it('a log on a terminal is cleaned however its bytes are cut, and its last colour ends with it', async () => {
  const terminal = new PassThrough();
  const output = cleanFor(terminal);
  for (const byte of Buffer.from('\u001b]0;owned\u0007ж\u001b[31mred\u001b[2A')) {
    output.write(Buffer.of(byte));
  }
  await finished(output.end());
  assert.equal(readAll(terminal), 'ж\u001b[31mred\u001b[0m');
  assert.ok(!terminal.writableEnded, 'the terminal is not closed');
});
