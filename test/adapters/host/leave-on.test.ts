import assert from 'node:assert/strict';
import { it } from 'node:test';
import { leaveOn } from '../../../src/adapters/host/leave-on.ts';

const FOREVER = new Promise<string>(() => undefined);

void it('returns the result, or fails like the work', async () => {
  const { signal } = new AbortController();
  assert.equal(await leaveOn(signal, Promise.resolve('done')), 'done');
  assert.equal(await leaveOn(undefined, Promise.resolve('done')), 'done');
  await assert.rejects(leaveOn(signal, Promise.reject(new Error('no'))), /^Error: no$/);
});

void it('rejects with the reason of the signal, whether it aborts later or has already', async () => {
  const leaving = new AbortController();
  const left = leaveOn(leaving.signal, FOREVER);
  leaving.abort(new Error('not wanted'));
  await assert.rejects(left, /not wanted/);
  await assert.rejects(leaveOn(leaving.signal, FOREVER), /not wanted/);
});

void it('ignores the end of abandoned work', async () => {
  const signal = AbortSignal.abort(new Error('not wanted'));
  await assert.rejects(leaveOn(signal, Promise.reject(new Error('late'))), /not wanted/);
});
