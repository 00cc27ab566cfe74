import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createReload } from '../../../src/worker/recovery/reload.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { defer, type Deferred } from '../../workflows/support/calls.ts';

const AWAY = new Error('Temporal is away');

/** Opens reloads whose signals end as the test says, in their order. */
function openReload() {
  const signals: Deferred<undefined>[] = [];
  const { log, said } = recordingLog();
  const signal = (): Promise<void> => {
    const ending = defer<undefined>();
    signals.push(ending);
    return ending.promise;
  };
  return { ...createReload(signal, { log }), signals, said };
}

describe('a reload', () => {
  it('is signaled once while Temporal answers', async () => {
    const { request, retry, signals } = openReload();
    const asked = request();
    signals[0]?.resolve(undefined);
    await asked;
    await retry();
    assert.equal(signals.length, 1);
  });

  it('is signaled until it succeeds, with one error in the log', async () => {
    const { request, retry, signals, said } = openReload();
    const asked = request();
    signals[0]?.reject(AWAY);
    await asked;
    const second = retry();
    signals[1]?.reject(AWAY);
    await second;
    const third = retry();
    signals[2]?.resolve(undefined);
    await third;
    await retry();
    assert.equal(signals.length, 3);
    assert.deepEqual(
      said.map(({ level, message }) => [level, message]),
      [
        ['error', 'reload not signaled, tried again until it is'],
        ['debug', 'reload still not signaled'],
      ],
    );
  });

  it('is not signaled a second time while the first is under way', async () => {
    const { request, retry, signals } = openReload();
    const asked = request();
    await retry();
    assert.equal(signals.length, 1);
    signals[0]?.resolve(undefined);
    await asked;
  });

  it('is still due when only the signal of an earlier one succeeds', async () => {
    const { request, retry, signals } = openReload();
    const asked = [request(), request()];
    signals[1]?.reject(AWAY);
    signals[0]?.resolve(undefined);
    await Promise.all(asked);
    void retry();
    assert.equal(signals.length, 3);
  });
});
