import assert from 'node:assert/strict';
import { it } from 'node:test';
import { quoteText } from '../../src/domain/quote-text.ts';

it('a text is quoted on one line, and cut when it is long', () => {
  assert.equal(quoteText('a "b"\n\u001b'), String.raw`"a \"b\"\n\u001b"`);
  assert.equal(quoteText('x'.repeat(100)), `"${'x'.repeat(100)}"`);
  assert.equal(quoteText('x'.repeat(101)), `"${'x'.repeat(100)}…"`);
  assert.equal(quoteText('abc', 2), '"ab…"');
});
