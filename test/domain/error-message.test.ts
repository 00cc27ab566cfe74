import assert from 'node:assert/strict';
import { it } from 'node:test';
import { errorMessage } from '../../src/domain/error-message.ts';

it('the message of an error is its own; anything else that was thrown is its text', () => {
  assert.equal(errorMessage(new TypeError('no such key')), 'no such key');
  assert.equal(errorMessage('gone'), 'gone');
  assert.equal(errorMessage(undefined), 'undefined');
});
