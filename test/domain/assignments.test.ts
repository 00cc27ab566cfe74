import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseAssignments } from '../../src/domain/assignments.ts';

it('lines are split at their first =, and left out without one', () => {
  assert.deepEqual(parseAssignments(['A=b=c', 'none', 'EMPTY=', '=x']), [
    ['A', 'b=c'],
    ['EMPTY', ''],
    ['', 'x'],
  ]);
});
