import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pastRefusals } from '../../../src/adapters/temporal/passing-refusal.ts';
import { recordingLog } from '../../support/recording-log.ts';

/** An error as the SDK throws it. */
function transportError(message: string): Error {
  return Object.assign(new Error(message), { name: 'TransportError' });
}

function refusal(code: string): Error {
  const status = `Status { code: ${code}, message: "sick", metadata: MetadataMap { headers: {} } }`;
  return transportError(
    `Namespace default was not found or otherwise could not be described: ${status}`,
  );
}

/** Work that fails with these faults, one after the other, and then succeeds. */
function open(...faults: readonly Error[]) {
  let nowMs = 0;
  let tries = 0;
  const { log } = recordingLog();
  const clock = {
    monotonicMs: () => nowMs,
    sleep: (ms: number) => {
      nowMs += ms;
      return Promise.resolve();
    },
  };
  const work = (): Promise<string> => {
    const fault = faults[Math.min(tries, faults.length)];
    tries += 1;
    return fault === undefined ? Promise.resolve('done') : Promise.reject(fault);
  };
  return { run: () => pastRefusals(work, { clock, log }), tries: () => tries, now: () => nowMs };
}

describe('a Temporal that refuses for the moment', () => {
  it('is asked again', async () => {
    const down = transportError('connection refused');
    const { run, tries, now } = open(refusal('ResourceExhausted'), refusal('Unavailable'), down);
    assert.equal(await run(), 'done');
    assert.deepEqual([tries(), now()], [4, 7_000]);
  });

  it('is given up after two minutes', async () => {
    const { run, now } = open(...Array.from({ length: 1_000 }, () => refusal('Unavailable')));
    await assert.rejects(run(), /could not be described/);
    assert.ok(now() >= 120_000 && now() < 140_000, `${now()} ms`);
  });

  for (const fault of [refusal('NotFound'), refusal('PermissionDenied'), new Error('a bug')]) {
    it(`is not asked again after "${fault.message.slice(-90, -45)}"`, async () => {
      const { run, tries } = open(fault);
      await assert.rejects(run(), fault);
      assert.equal(tries(), 1);
    });
  }
});
