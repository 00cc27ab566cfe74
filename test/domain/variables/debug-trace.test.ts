import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDebugTrace } from '../../../src/domain/variables/debug-trace.ts';
import { contextOf } from '../job/context-fixture.ts';

describe('a debug trace', () => {
  const cases: [variables: Record<string, string>, expected: boolean, why: string][] = [
    [{}, false, 'nobody asked'],
    [{ CI_DEBUG_TRACE: 'true' }, true, 'the shell shows every command'],
    [{ CI_DEBUG_TRACE: '1' }, true, 'as Go reads it'],
    [{ CI_DEBUG_TRACE: 'false' }, false, 'switched off'],
    [{ CI_DEBUG_TRACE: 'yes' }, false, 'no boolean'],
    [{ CI_DEBUG_SERVICES: 'true' }, true, 'services may print secrets'],
    [{ CI_DEBUG_TRACE: '$ON', ON: 'true' }, true, 'by reference'],
    [{ CI_DEBUG_TRACE: 'false', CI_DEBUG_SERVICES: 'true' }, true, 'either'],
  ];
  for (const [variables, expected, why] of cases) {
    const given = Object.entries(variables).map(([key, value]) => ({ key, value }));
    it(`is ${expected} with ${JSON.stringify(variables)}: ${why}`, () => {
      assert.equal(isDebugTrace(contextOf({ job: { variables: given } })), expected);
    });
    it(`is never on when the runner forbids it, with ${JSON.stringify(variables)}`, () => {
      const runner = { debugTraceDisabled: true };
      assert.equal(isDebugTrace(contextOf({ runner, job: { variables: given } })), false);
    });
  }

  it('can be requested by the runner', () => {
    assert.equal(
      isDebugTrace(contextOf({ runner: { environment: ['CI_DEBUG_TRACE=true'] } })),
      true,
    );
  });
});
