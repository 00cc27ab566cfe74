import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inTries, upTo, type TryEnd } from '../../src/domain/tries.ts';

type Step = number | Error;

/** Plays one answer or error for each try, and records the pauses. */
async function play(steps: readonly Step[], mayPause: (ms: number) => boolean = () => true) {
  const pauses: number[] = [];
  const retries: number[] = [];
  let made = 0;
  const limits = { most: 3, pauseMs: (tries: number) => tries * 10 };
  const mayPass = (end: TryEnd<number>): boolean =>
    end.kind === 'failed' ? end.error !== FINAL : end.value >= 500;
  const end = await inTries<number>(
    async (number) => {
      made += 1;
      assert.equal(number, made);
      const step = steps[made - 1] ?? 0;
      if (step instanceof Error) throw step;
      return step;
    },
    {
      nextMs: upTo(limits, mayPass),
      onRetry: (_end, tries) => void retries.push(tries),
      pause: async (ms) => {
        pauses.push(ms);
        return mayPause(ms);
      },
    },
  ).catch((error: unknown) => error);
  return { end, made, pauses, retries };
}

const FINAL = new Error('final');
const PASSING = new Error('passing');

describe('tries', () => {
  const cases: [steps: readonly Step[], end: Step, made: number, why: string][] = [
    [[200], 200, 1, 'a good answer stands'],
    [[404, 200], 404, 1, 'so does one that does not pass'],
    [[500, 200], 200, 2, 'one that passes is asked for again'],
    [[PASSING, 200], 200, 2, 'and so is an error'],
    [[FINAL, 200], FINAL, 1, 'a final error is thrown at once'],
    [[500, PASSING, 503, 200], 503, 3, 'the last answer stands when all tries are made'],
    [[500, 500, PASSING, 200], PASSING, 3, 'and the last error is thrown'],
  ];
  for (const [steps, end, made, why] of cases) {
    it(`of ${steps.map(String).join(', ')} end with ${String(end)}: ${why}`, async () => {
      const played = await play(steps);
      assert.equal(played.end, end);
      assert.equal(played.made, made);
      assert.deepEqual(played.pauses, [10, 20].slice(0, made - 1));
      assert.deepEqual(played.retries, [1, 2].slice(0, made - 1));
    });
  }

  it('end with the last answer when a pause is interrupted', async () => {
    const { end, made } = await play([500, 501, 200], (ms) => ms < 20);
    assert.deepEqual([end, made], [501, 2]);
  });

  it('end with the error of a pause', async () => {
    const { end, made } = await play([500, 200], () => {
      throw FINAL;
    });
    assert.deepEqual([end, made], [FINAL, 1]);
  });

  it('tell the policy how long the pauses were so far', async () => {
    const waited: number[] = [];
    await inTries(async () => 500, {
      nextMs: (_end, { made, waitedMs }) => {
        waited.push(waitedMs);
        return made === 4 ? undefined : made * 100;
      },
      pause: async () => true,
    });
    assert.deepEqual(waited, [0, 100, 300, 600]);
  });
});
