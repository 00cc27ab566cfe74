import assert from 'node:assert/strict';
import type { IncomingMessage, RequestListener } from 'node:http';
import { test, type TestContext } from 'node:test';
import type { ContainerEngine } from '../../../src/ports/index.ts';
import { BUILD_LABEL, INSTALLATION_LABEL } from '../../../src/adapters/docker/labels.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import { engineFor, inspection, PATIENT } from './fake-daemon.ts';
import { containerSpec } from './support.ts';

// engine.test.ts covers the real daemon. This file covers answers that it seldom gives.

/** A daemon with one answer for each request. Records the requests as `METHOD /path`. */
async function scripted(
  t: TestContext,
  ...answers: (readonly [status: number, body?: string])[]
): Promise<{ engine: ContainerEngine; asked: string[] }> {
  const asked: string[] = [];
  const listener: RequestListener = (request, response) => {
    asked.push(shown(request));
    request.resume();
    const [status, body] = answers.shift() ?? [599];
    response.writeHead(status).end(body);
  };
  return { engine: await engineFor(t, listener, { timing: PATIENT }), asked };
}

function shown({ method, url }: IncomingMessage): string {
  return `${method} ${(url ?? '').replace(/^\/v[\d.]+/, '').split('?', 1)[0]}`;
}

const spec = containerSpec({ name: 'n', labels: { [BUILD_LABEL]: 'mine' } });
const holder = (labels: object): string => {
  const inspected = JSON.parse(inspection('running')) as object;
  return JSON.stringify({ ...inspected, Config: { Labels: labels } });
};
const mine = holder({ [BUILD_LABEL]: 'mine', [INSTALLATION_LABEL]: 'engine-test' });

for (const taken of [
  [409, '{"message":"Conflict. The container name is already in use"}'],
  [500, '{"message":"the container name \\"n\\" is already in use by abc"}'],
] as const) {
  void test(`when a name is in use (${taken[0]}), a retry finds its own container`, async (t) => {
    const { engine, asked } = await scripted(t, taken, [200, mine]);
    assert.equal(await engine.createContainer(spec), 'x');
    assert.deepEqual(asked, ['POST /containers/create', 'GET /containers/n/json']);
  });
}

void test('a container of another build of this runner is removed, so that its name is free', async (t) => {
  const old = holder({ [BUILD_LABEL]: 'old', [INSTALLATION_LABEL]: 'engine-test' });
  const { engine, asked } = await scripted(t, [409], [200, old], [204], [201, '{"Id":"new"}']);
  assert.equal(await engine.createContainer(spec), 'new');
  assert.deepEqual(asked.slice(2), ['DELETE /containers/x', 'POST /containers/create']);
});

for (const labels of [
  { [BUILD_LABEL]: 'mine', [INSTALLATION_LABEL]: 'other' },
  { [BUILD_LABEL]: 'mine' },
  { [INSTALLATION_LABEL]: 'engine-test' },
  { any: 'label' },
]) {
  void test(`a container with ${JSON.stringify(labels)} is neither adopted nor removed`, async (t) => {
    const { engine, asked } = await scripted(t, [409], [200, holder(labels)]);
    await assert.rejects(engine.createContainer(spec), { type: FailureType.RunnerSystem });
    assert.deepEqual(asked, ['POST /containers/create', 'GET /containers/n/json']);
  });
}

for (const [status, message] of [
  [500, 'image with reference x was found but does not match the specified platform: wanted s390x'],
  [
    404,
    'image with reference x was found but does not provide the specified platform (linux/s390x)',
  ],
] as const) {
  void test(`an image of another platform is a configuration error after the status ${status}`, async (t) => {
    const { engine } = await scripted(t, [status, JSON.stringify({ message })]);
    await assert.rejects(engine.createContainer(spec), {
      type: FailureType.RunnerConfiguration,
      message: /specified platform/,
    });
  });
}

void test('a container that frees the name meanwhile causes no error', async (t) => {
  const { engine } = await scripted(t, [409], [404], [201, '{"Id":"new"}']);
  assert.equal(await engine.createContainer(spec), 'new');
});

void test('a name that stays in use is a transient fault with that message', async (t) => {
  const { engine } = await scripted(t, [409], [404], [409, '{"message":"in use"}']);
  await assert.rejects(engine.createContainer(spec), {
    name: 'TransientError',
    message: /cannot create container "n": .* answered 409: in use/,
  });
});

const created: readonly [status: number, message: string, expected: object, why: string][] = [
  [400, 'invalid mount', { type: FailureType.RunnerConfiguration }, 'the config is at fault'],
  [404, 'No such image: a', { name: 'TransientError' }, 'pulled anew by the next attempt'],
  [404, 'no such network', { type: FailureType.RunnerSystem }, 'nothing makes it come back'],
  [500, 'no space left', { name: 'TransientError' }, 'somebody may free the disk'],
  [507, 'x', { name: 'TransientError' }, 'passes'],
];
for (const [status, message, expected, why] of created) {
  void test(`a create answered ${status} "${message}" is ${JSON.stringify(expected)}: ${why}`, async (t) => {
    const { engine } = await scripted(t, [status, JSON.stringify({ message })]);
    await assert.rejects(engine.createContainer(spec), expected);
  });
}

void test('starting a container that already runs succeeds', async (t) => {
  const { engine } = await scripted(t, [304]);
  await engine.startContainer('x');
});

void test('removing a container succeeds when a removal is in progress or done', async (t) => {
  const underWay = '{"message":"removal of container x is already in progress"}';
  const { engine } = await scripted(t, [409, underWay], [404], [409, '{"message":"stuck"}']);
  await engine.removeContainer('x');
  await engine.removeContainer('x');
  await assert.rejects(engine.removeContainer('x'), { name: 'TransientError', message: /stuck/ });
});

void test('files for a container that is gone are a final fault', async (t) => {
  const { engine } = await scripted(t, [404, '{"message":"No such container: x"}']);
  await assert.rejects(engine.putArchive('x', '/', []), { type: FailureType.RunnerSystem });
});

void test('files that root may not own are a final fault, although the status is 500', async (t) => {
  const squashed = '{"message":"lchown /var/lib/x: operation not permitted"}';
  const { engine } = await scripted(t, [500, squashed]);
  await assert.rejects(engine.putArchive('x', '/', []), {
    type: FailureType.RunnerSystem,
    message: /no_root_squash/,
  });
});

void test('a refusal is quoted up to a limited length', async (t) => {
  const { engine } = await scripted(t, [500, JSON.stringify({ message: 'm'.repeat(100_000) })]);
  await assert.rejects(engine.startContainer('x'), (error: Error) => {
    assert.ok(error.message.length < 2_500, `${error.message.length} characters`);
    return true;
  });
});

void test('an answer without an end is a fault, and is not kept in memory', async (t) => {
  let sentBytes = 0;
  const chunk = Buffer.alloc(1024 * 1024, ' ');
  const listener: RequestListener = (_, response) => {
    const pour = (): void => {
      while (!response.destroyed && response.write(chunk)) sentBytes += chunk.length;
      if (!response.destroyed) response.once('drain', pour);
    };
    pour();
  };
  const engine = await engineFor(t, listener, { timing: { callLimitMs: 60_000 } });
  await assert.rejects(engine.inspectContainer('x'), {
    type: FailureType.RunnerSystem,
    message: /longer than 33554432 bytes/,
  });
  assert.ok(sentBytes < 100 * 1024 * 1024, `${sentBytes} bytes were taken`);
});

void test('a log is read only up to the limit, even if it does not end', async (t) => {
  const frame = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 1, 0, 0]), Buffer.alloc(65_536, 'x')]);
  let isClosed = (): void => undefined;
  const closed = new Promise<void>((resolve) => (isClosed = resolve));
  const listener: RequestListener = (_, response) => {
    response.on('close', isClosed);
    const pour = (): void => {
      while (!response.destroyed && response.write(frame));
      if (!response.destroyed) response.once('drain', pour);
    };
    pour();
  };
  const engine = await engineFor(t, listener, { timing: { slowCallLimitMs: 60_000 } });
  const frames = await engine.readLogs('x', { maxBytes: 100_000 });
  assert.equal(
    frames.reduce((sum, { bytes }) => sum + bytes.length, 0),
    100_000,
  );
  await closed;
});
