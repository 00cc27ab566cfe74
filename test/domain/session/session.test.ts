import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSessionTarget, sessionPath } from '../../../src/domain/session/session.ts';

const ID = '0f'.repeat(32);

describe('the target of a request to the session server', () => {
  const targets: [target: string, kind: 'terminal' | 'proxy' | undefined, why: string][] = [
    [`/session/${ID}/exec`, 'terminal', 'the terminal'],
    [`/session/${ID}/exec?x=/../`, 'terminal', 'a query says nothing'],
    [`/session/${ID}/proxy/web/80/`, 'proxy', 'a service'],
    [`/session/${ID}/proxy`, undefined, 'no service'],
    [`/session/${ID}/exec/`, undefined, 'below the terminal'],
    [`/session/${ID}`, undefined, 'nothing of the session'],
    [`/session/${ID.toUpperCase()}/exec`, undefined, 'another id'],
    [`/session/${ID}0/exec`, undefined, 'a longer id'],
    [`/session/${ID}%2Fexec`, undefined, 'an encoded separator'],
    [`//session/${ID}/exec`, undefined, 'another path'],
    ['', undefined, 'nothing'],
  ];
  for (const [target, kind, why] of targets) {
    it(`is ${kind ?? 'nothing'}: ${why}`, () => {
      assert.deepEqual(parseSessionTarget(target), kind && { id: ID, kind });
    });
  }

  it('is in the announcement of a session', () => {
    const target = parseSessionTarget(`${sessionPath(ID)}/exec`);
    assert.deepEqual(target, { id: ID, kind: 'terminal' });
  });
});
