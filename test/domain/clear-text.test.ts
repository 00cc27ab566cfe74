import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  clearValue,
  hasClearMessage,
  readClearValue,
  withClearMessage,
} from '../../src/domain/clear-text.ts';

it('only a value that was marked may be read by everybody', () => {
  assert.deepEqual(readClearValue(clearValue({ stage: 'report' })), { value: { stage: 'report' } });
  for (const unmarked of [undefined, null, 'text', { stage: 'report' }]) {
    assert.equal(readClearValue(unmarked), undefined);
  }
});

it('only an error that was marked has a message for everybody', () => {
  const error = new Error('the job failed');
  assert.equal(hasClearMessage(error), false);
  assert.equal(withClearMessage(error), error);
  assert.equal(hasClearMessage(error), true);
  assert.equal(hasClearMessage('the job failed'), false);
});
