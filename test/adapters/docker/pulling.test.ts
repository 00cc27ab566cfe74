import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { readProgress } from '../../../src/adapters/docker/pulling.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { engineFor } from './fake-daemon.ts';
import { serveRegistry } from './fake-registry.ts';
import { openEngine, randomName, removeImage } from './support.ts';

const quick = { pullDelayMs: () => 1 };
const engine = openEngine({ timing: quick });
// Without a daemon the whole file fails here.
await engine.info();
const auth = { username: 'robot', password: 's3cret', server: '127.0.0.1' };

void test('an image is pulled by a tag, without a tag and by a digest', async (t) => {
  const { host } = await serveRegistry(t);
  const reference = `${host}/open/${randomName()}`;
  removeAfter(t, reference);
  const image = await engine.pullImage(reference, {});
  assert.match(image.id, /^sha256:[0-9a-f]{64}$/);
  assert.equal(image.user, '1000');
  const [digest = ''] = image.repoDigests;
  assert.ok(digest.startsWith(`${reference}@sha256:`), digest);
  assert.equal((await engine.pullImage(`${reference}:latest`, {})).id, image.id);
  assert.equal((await engine.pullImage(digest, {})).id, image.id);
});

void test('a private image is pulled only with credentials', async (t) => {
  const { host } = await serveRegistry(t, { isPrivate: true });
  const reference = `${host}/open/${randomName()}`;
  removeAfter(t, reference);
  await assert.rejects(engine.pullImage(reference, {}), { type: FailureType.RunnerConfiguration });
  const wrong = engine.pullImage(reference, { auth: { ...auth, password: 'wr0ng-one' } });
  await assert.rejects(wrong, (error: Error) => {
    assert.ok(!error.message.includes('wr0ng-one'), error.message);
    return true;
  });
  assert.match((await engine.pullImage(reference, { auth })).id, /^sha256:/);
});

const failures = [
  {
    kind: 'absent',
    type: FailureType.RunnerConfiguration,
    tries: 1,
    why: 'there is no such image',
  },
  { kind: 'broken', type: FailureType.ImagePull, tries: 3, why: 'the registry may recover' },
  { kind: 'reset', type: FailureType.ExternalDependency, tries: 3, why: 'the network may recover' },
] as const;
for (const { kind, type, tries, why } of failures) {
  void test(`a pull from a registry that is ${kind} is ${type}, tried ${tries} times: ${why}`, async (t) => {
    const { host } = await serveRegistry(t);
    const { log, said } = recordingLog();
    const reference = `${host}/${kind}/${randomName()}:latest`;
    const pull = openEngine({ timing: quick, log }).pullImage(reference, {});
    await assert.rejects(pull, (error: Error & { type?: string }) => {
      assert.equal(error.type, type, error.message);
      assert.ok(error.message.includes(reference), error.message);
      return true;
    });
    const again = said.filter(({ message }) => message === 'pull failed, trying again');
    assert.equal(again.length, tries - 1);
    assert.ok(
      said.every(({ level }) => level === 'debug'),
      'the cause is told once, where the job ends',
    );
  });
}

void test('a registry where nothing listens is an external dependency', async () => {
  await assert.rejects(engine.pullImage('127.0.0.1:1/nothing:here', {}), {
    type: FailureType.ExternalDependency,
    message: /connection refused/,
  });
});

void test('a pull whose first try is cut off succeeds', async (t) => {
  const { host } = await serveRegistry(t);
  const reference = `${host}/flaky/${randomName()}`;
  removeAfter(t, reference);
  assert.match((await engine.pullImage(reference, {})).id, /^sha256:/);
});

void test('a registry that speaks plain HTTP without leave fails the pull with what to set', async (t) => {
  const words = 'Get "https://r:5000/v2/": http: server gave HTTP response to HTTPS client';
  const told = await engineFor(t, (_request, response) => {
    response.end(JSON.stringify({ error: words, errorDetail: { message: words } }));
  });
  await assert.rejects(told.pullImage('r:5000/x:1', {}), (error: Error & { type?: string }) => {
    assert.equal(error.type, FailureType.ImagePull);
    assert.match(error.message, /insecure-registries in daemon\.json.* registries\.conf$/);
    return true;
  });
});

void test('a malformed reference is a configuration error or a failed pull, and never a crash', async () => {
  await assert.rejects(engine.pullImage('UPPER/Case:1', {}), { name: 'FinalError' });
  await assert.rejects(engine.pullImage('a b', {}), { name: 'FinalError' });
});

void test('many builds share one pull, and each can leave it', async (t) => {
  const { promise, resolve: release } = resolvable();
  const { host, manifestRequests } = await serveRegistry(t, { release: promise });
  const repository = `slow/${randomName()}`;
  const reference = `${host}/${repository}`;
  removeAfter(t, reference);
  const leaving = new AbortController();
  const first = engine.pullImage(reference, { signal: leaving.signal });
  const others = [engine.pullImage(reference, {}), engine.pullImage(reference, {})];
  leaving.abort(new Error('job canceled'));
  await assert.rejects(first, { message: 'job canceled' });
  release();
  const images = await Promise.all(others);
  assert.equal(images[0]?.id, images[1]?.id);
  const requestsOfOne = manifestRequests(repository);
  await engine.pullImage(reference, {});
  assert.ok(manifestRequests(repository) > requestsOfOne, 'a later pull asks the registry again');
  assert.ok(requestsOfOne <= 2, `asked ${requestsOfOne} times: at most a HEAD and a GET`);
});

void test('builds with other credentials do not share a pull', async (t) => {
  const { host } = await serveRegistry(t, { isPrivate: true });
  const reference = `${host}/open/${randomName()}`;
  removeAfter(t, reference);
  const [known, stranger] = await Promise.allSettled([
    engine.pullImage(reference, { auth }),
    engine.pullImage(reference, {}),
  ]);
  assert.equal(known.status, 'fulfilled');
  assert.equal(stranger.status, 'rejected');
});

void test('a pull without progress is given up as an external dependency', async (t) => {
  const { promise, resolve: release } = resolvable();
  const { host } = await serveRegistry(t, { release: promise });
  t.after(release);
  const impatient = openEngine({ timing: { ...quick, pullIdleMs: 200 } });
  await assert.rejects(impatient.pullImage(`${host}/slow/${randomName()}`, {}), {
    type: FailureType.ExternalDependency,
    message: /no progress for 0\.2 s/,
  });
});

void test('progress is read across chunks, and a malformed line is a fault', async () => {
  const text = '{"status":"größer"}\r\n\n{"error":"x","errorDetail":{"message":"y"}}\nnonsense';
  const bytes = Buffer.from(text);
  for (let size = 1; size <= bytes.length; size += 1) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    );
    const seen: object[] = [];
    for await (const line of readProgress(asyncOf(chunks))) seen.push(line);
    assert.deepEqual(
      seen.filter((line) => Object.keys(line).length > 0),
      [
        { status: 'größer' },
        { error: 'x', errorDetail: { message: 'y' } },
        { error: 'unreadable progress of the pull: nonsense' },
      ],
    );
  }
});

async function* asyncOf<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

function resolvable(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function removeAfter(t: TestContext, reference: string): void {
  t.after(() => removeImage(reference));
}
