import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createKeyedMutex } from '../../../src/adapters/host/keyed-mutex.ts';

/** Work that ends on request. */
function work(log: string[], name: string) {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const run = async (): Promise<void> => {
    log.push(name);
    await ended;
  };
  return { run, end };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

void it('does work with a common key in the order of its arrival, and other work beside it', async () => {
  const log: string[] = [];
  const inTurn = createKeyedMutex();
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => work(log, name));
  assert.ok(a && b && c && d);
  const all = [
    inTurn({ keys: ['x'] }, a.run),
    inTurn({ keys: ['x', 'y'] }, b.run),
    inTurn({ keys: ['y'] }, c.run),
    inTurn({ keys: ['z'] }, d.run),
  ];
  await settled();
  assert.deepEqual(log.sort(), ['a', 'd']);
  a.end();
  await settled();
  assert.deepEqual(log, ['a', 'd', 'b'], 'c waits for b, which holds y since it came');
  for (const each of [b, c, d]) each.end();
  await Promise.all(all);
  assert.equal(log.length, 4);
});

void it('ends the wait by a signal, and later work still waits for earlier work', async () => {
  const log: string[] = [];
  const inTurn = createKeyedMutex();
  const first = work(log, 'first');
  const last = work(log, 'last');
  const leaving = new AbortController();
  const begun = inTurn({ keys: ['x'] }, first.run);
  const left = inTurn({ keys: ['x'], signal: leaving.signal }, work(log, 'left').run);
  const behind = inTurn({ keys: ['x'] }, last.run);
  leaving.abort(new Error('not wanted'));
  await assert.rejects(left, /not wanted/);
  await settled();
  assert.deepEqual(log, ['first']);
  first.end();
  last.end();
  await Promise.all([begun, behind]);
  assert.deepEqual(log, ['first', 'last']);
});

void it('continues after work that fails', async () => {
  const inTurn = createKeyedMutex();
  const failing = inTurn({ keys: ['x'] }, () => Promise.reject(new Error('no')));
  const next = inTurn({ keys: ['x'] }, () => Promise.resolve('yes'));
  await assert.rejects(failing, /no/);
  assert.equal(await next, 'yes');
});
