import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shareCalls } from '../../../src/adapters/docker/share-calls.ts';

interface Call {
  readonly signal: AbortSignal;
  readonly resolve: (value: string) => void;
  readonly reject: (error: Error) => void;
}

function recorder(): {
  readonly calls: Call[];
  readonly call: (signal: AbortSignal) => Promise<string>;
} {
  const calls: Call[] = [];
  const call = (signal: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => {
      calls.push({ signal, resolve, reject });
      signal.addEventListener('abort', () => {
        reject(new Error('aborted'));
      });
    });
  return { calls, call };
}

void test('callers with one key share a call, and callers with another key do not', async () => {
  const { calls, call } = recorder();
  const share = shareCalls<string>();
  const results = [
    share('a', call, undefined),
    share('a', call, undefined),
    share('b', call, undefined),
  ];
  assert.equal(calls.length, 2);
  calls[0]?.resolve('of a');
  calls[1]?.resolve('of b');
  assert.deepEqual(await Promise.all(results), ['of a', 'of a', 'of b']);
});

void test('a failure reaches all callers, and the next call starts again', async () => {
  const { calls, call } = recorder();
  const share = shareCalls<string>();
  const results = [share('a', call, undefined), share('a', call, undefined)];
  calls[0]?.reject(new Error('failed'));
  for (const result of results) await assert.rejects(result, { message: 'failed' });
  const next = share('a', call, undefined);
  calls[1]?.resolve('fine');
  assert.equal(await next, 'fine');
});

void test('the call is aborted when the last caller has left, and no new caller joins it', async () => {
  const { calls, call } = recorder();
  const share = shareCalls<string>();
  const leaving = [new AbortController(), new AbortController()];
  const results = leaving.map(({ signal }) => share('a', call, signal));
  leaving[0]?.abort(new Error('first leaves'));
  await assert.rejects(results[0] ?? Promise.resolve(), { message: 'first leaves' });
  assert.equal(calls[0]?.signal.aborted, false);
  leaving[1]?.abort(new Error('second leaves'));
  await assert.rejects(results[1] ?? Promise.resolve(), { message: 'second leaves' });
  assert.equal(calls[0].signal.aborted, true);
  const next = share('a', call, undefined);
  calls[1]?.resolve('anew');
  assert.equal(await next, 'anew');
});

void test('a signal that has already aborted starts nothing', async () => {
  const { calls, call } = recorder();
  const gone = AbortSignal.abort(new Error('too late'));
  await assert.rejects(shareCalls<string>()('a', call, gone), { message: 'too late' });
  assert.equal(calls.length, 0);
});
