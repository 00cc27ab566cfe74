import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  isAwaitingStage,
  isStageOver,
  parseStageState,
  type StageState,
} from '../../../src/domain/script/stage-state.ts';

const NONCE = '0123456789abcdef';

const cases: readonly [text: string, expected: StageState | undefined, why: string][] = [
  ['', undefined, 'nothing has begun'],
  [`${NONCE}\n`, { exitCode: undefined }, 'begun, as an earlier release noted it'],
  [NONCE, { exitCode: undefined }, 'a shell that writes no line end'],
  [`${NONCE} 0\n`, { exitCode: 0 }, 'ended well'],
  [`${NONCE} 137\n`, { exitCode: 137 }, 'killed'],
  [`${NONCE} 255`, { exitCode: 255 }, 'the highest there is'],
  [`${NONCE} 0 1\n`, { exitCode: 0, copierExitCode: 1 }, 'the disk did not take the output'],
  [`${NONCE} 3 153\n`, { exitCode: 3, copierExitCode: 153 }, 'more output than may lie there'],
  [`${NONCE} 0 256\n`, undefined, 'no exit code'],
  [`${NONCE} 256\n`, undefined, 'no exit code'],
  [`${NONCE} -1\n`, undefined, 'no exit code'],
  [`${NONCE} \n`, undefined, 'half a write'],
  [NONCE.slice(0, 9), undefined, 'half a write'],
  ['fedcba9876543210 0\n', undefined, 'the stage before'],
  [`${NONCE}0 0\n`, undefined, 'another nonce that begins alike'],
  [`${NONCE} begun 17\n`, { exitCode: undefined, pid: 17 }, 'begun by this process'],
  [
    `${NONCE} begun 17\n${NONCE} begun 18\n`,
    { exitCode: undefined, pid: 17 },
    'and asked for by that',
  ],
  [`${NONCE} 3\nun 17\n`, { exitCode: 3 }, 'the end is written over the begin'],
  [`${NONCE} 0\n${NONCE} begun 18\n`, { exitCode: 0 }, 'the first one had it'],
  [`${NONCE} begun\n`, undefined, 'not what the wrapper writes'],
  [` ${NONCE} 0\n`, undefined, 'not what the wrapper writes'],
  [`${NONCE} 0x1\n`, undefined, 'not what the wrapper writes'],
  ['\0'.repeat(16), undefined, 'a file that a power cut left empty'],
  ['x'.repeat(1_000_000), undefined, 'a job that fills the file'],
];

describe('the state file of a stage', () => {
  for (const [text, expected, why] of cases) {
    it(`${JSON.stringify(text.slice(0, 40))} is ${JSON.stringify(expected)}: ${why}`, () => {
      assert.deepEqual(parseStageState(text, NONCE), expected);
    });
  }
});

const waiting: readonly [text: string, isOver: boolean, isAwaiting: boolean, why: string][] = [
  ['', false, true, 'no stage has begun'],
  [`${NONCE} begun 17\n`, false, false, 'it runs'],
  [`${NONCE} 0\nun 17\n`, false, false, 'processes of it may be left'],
  [`${NONCE} 0\nun 17\n\nover ${NONCE}\n`, true, true, 'it is over'],
  [`${NONCE} 3\n`, false, false, 'its container ends'],
  [`${NONCE} 0\n\nover ${NONCE}`, false, false, 'half a write'],
  ['fedcba9876543210 0\n\nover fedcba9876543210\n', false, true, 'another stage is over'],
  [`${NONCE} 0\n\nover fedcba9876543210\n`, false, false, 'text of the job itself'],
];

describe('the state file of a container that waits for its stages', () => {
  for (const [text, isOver, isAwaiting, why] of waiting) {
    it(`${JSON.stringify(text)}: ${why}`, () => {
      assert.deepEqual([isStageOver(text, NONCE), isAwaitingStage(text)], [isOver, isAwaiting]);
    });
  }
});
