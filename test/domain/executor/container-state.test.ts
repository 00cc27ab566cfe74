import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAlive } from '../../../src/domain/executor/container-state.ts';

describe('a container', () => {
  const cases: [state: string, expected: boolean][] = [
    ['created', false],
    ['running', true],
    ['paused', true],
    ['restarting', false],
    ['removing', false],
    ['exited', false],
    ['dead', false],
  ];
  for (const [state, expected] of cases) {
    it(`is ${expected ? 'alive' : 'not alive'} when it is ${state}`, () => {
      assert.equal(isAlive({ state }), expected);
    });
  }
});
