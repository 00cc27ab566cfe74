import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ContainerEngine } from '../../../src/ports/index.ts';
import { engineFor, PATIENT } from './fake-daemon.ts';

const GONE =
  'mounting storage for container 4deefd35a6: lstat /storage/overlay/eb45e5b53d/merged: no such file or directory';

interface Asked {
  readonly engine: ContainerEngine;
  /** `METHOD /path` of each call. */
  readonly asked: string[];
}

/** An engine that refuses with these words until it is asked to unmount. */
async function withStaleMount(t: TestContext, words: string, unmounted = 204): Promise<Asked> {
  const asked: string[] = [];
  let isStale = true;
  const engine = await engineFor(
    t,
    (request, response) => {
      const { method = '', url = '' } = request;
      const path = url.replace(/\?.*$/, '');
      asked.push(`${method} ${path.replace('/v1.44/', '/')}`);
      request.resume();
      if (path.endsWith('/unmount')) {
        if (unmounted === 204) isStale = false;
        response.writeHead(unmounted).end();
      } else if (isStale) {
        response.writeHead(500).end(JSON.stringify({ message: words }));
      } else response.writeHead(method === 'POST' ? 204 : 200).end();
    },
    { timing: PATIENT },
  );
  return { engine, asked };
}

const UNMOUNT = 'POST /v4.0.0/libpod/containers/x/unmount';
const never = new AbortController().signal;
const calls: readonly [call: string, ask: (engine: ContainerEngine) => Promise<unknown>][] = [
  ['POST /containers/x/start', (engine) => engine.startContainer('x')],
  ['HEAD /containers/x/archive', (engine) => engine.linkTarget('x', '/f')],
  ['GET /containers/x/archive', (engine) => engine.readFiles('x', '/f', { signal: never })],
  ['PUT /containers/x/archive', (engine) => engine.putArchive('x', '/', [])],
];
for (const [call, ask] of calls) {
  void test(`${call}: a container whose mount Podman has lost is unmounted before the next try`, async (t) => {
    const { engine, asked } = await withStaleMount(t, GONE);
    await assert.rejects(ask(engine), { name: 'TransientError' });
    assert.ok(!asked.includes(UNMOUNT));
    asked.length = 0;
    await ask(engine);
    assert.deepEqual(asked.slice(0, 2), [UNMOUNT, call]);
    await ask(engine);
    assert.equal(asked.filter((one) => one === UNMOUNT).length, 1, 'only once');
  });
}

void test('an engine that cannot unmount is asked all the same, and its own answer told', async (t) => {
  const { engine, asked } = await withStaleMount(t, GONE, 404);
  for (let tries = 0; tries < 2; tries += 1) {
    await assert.rejects(engine.startContainer('x'), { name: 'TransientError', message: /lstat/ });
  }
  assert.deepEqual(asked, ['POST /containers/x/start', UNMOUNT, 'POST /containers/x/start']);
});

void test('nothing is unmounted after other answers', async (t) => {
  const { engine, asked } = await withStaleMount(t, 'layer store is locked');
  for (let tries = 0; tries < 2; tries += 1) await assert.rejects(engine.startContainer('x'));
  assert.ok(!asked.includes(UNMOUNT));
});
