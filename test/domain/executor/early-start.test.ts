import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  judgeEarlyStart,
  type EarlyStartFacts,
  type EarlyStartVerdict,
  type KnownEarlyStart,
} from '../../../src/domain/executor/early-start.ts';

const KNOWN: KnownEarlyStart = {
  ...{ containerId: 'early', answer: 'confirmed', isDoubtful: false },
};
const NO_ANSWER: KnownEarlyStart = { ...KNOWN, answer: 'none' };
const REFUSED: KnownEarlyStart = { ...KNOWN, answer: 'refused' };
const UNDOUBTED: EarlyStartFacts = {
  hadScript: false,
  container: { id: 'early', state: 'running' },
  stateText: '',
  known: KNOWN,
  stage: { name: 'step_script', attempt: 1 },
};

describe('a job’s container that was perhaps started early', () => {
  const inState = (state: string) => ({ container: { id: 'early', state } });
  const cases: readonly [
    changes: Partial<EarlyStartFacts>,
    verdict: EarlyStartVerdict,
    why: string,
  ][] = [
    [{}, 'hand_over', 'nothing is in doubt'],
    [{ stage: { name: 'step_release', attempt: 1 } }, 'hand_over', 'a step, too'],
    [{ hadScript: true }, 'start', 'it had a script before'],
    [{ hadScript: true, ...inState('exited') }, 'start', 'the same after its end'],
    [{ known: undefined }, 'start', 'another process has started it'],
    [{ known: { ...KNOWN, containerId: 'other' } }, 'start', 'somebody has replaced it'],
    [{ known: { ...KNOWN, answer: 'none' } }, 'start', 'the engine has not confirmed its start'],
    [{ known: { ...KNOWN, isDoubtful: true } }, 'start', 'something has failed since'],
    [{ stage: { name: 'step_script', attempt: 2 } }, 'start', 'the stage was tried before'],
    [{ stage: { name: 'wait_for_terminal', attempt: 1 } }, 'start', 'a terminal, and no script'],
    [{ stateText: 'nonce begun 1' }, 'start', 'something has begun in it'],
    [inState('paused'), 'start', 'somebody has paused it'],
    [inState('exited'), 'replace', 'it has ended, perhaps with Docker'],
    [inState('dead'), 'replace', 'Docker could not remove it'],
    [{ known: NO_ANSWER, ...inState('created') }, 'replace', 'its start may be under way'],
    [{ known: REFUSED, ...inState('created') }, 'start', 'its start was refused'],
    [
      { known: { ...REFUSED, containerId: 'other' }, ...inState('created') },
      ...(['replace', 'somebody has replaced it'] as const),
    ],
    [{ known: undefined, ...inState('created') }, 'replace', 'another process may start it'],
  ];
  for (const [changes, verdict, why] of cases) {
    it(`gives "${verdict}" for ${JSON.stringify(changes)}: ${why}`, () => {
      assert.equal(judgeEarlyStart({ ...UNDOUBTED, ...changes }), verdict);
    });
  }
});
