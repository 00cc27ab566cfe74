import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createListeners } from '../../src/domain/listeners.ts';

it('listeners hear of each change until they have had enough, whoever else leaves meanwhile', () => {
  const { add, tell } = createListeners();
  const heard: string[] = [];
  const leaveFirst = add(() => {
    heard.push('first');
    leaveFirst();
    leaveFirst();
  });
  add(() => void heard.push('second'));
  tell();
  tell();
  assert.deepEqual(heard, ['first', 'second', 'second']);
});
