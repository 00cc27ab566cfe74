import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { test } from 'node:test';
import { FailureType } from '../../../src/domain/failure.ts';
import { engineAt, engineFor, socketPath } from './fake-daemon.ts';
import { containerSpec } from './support.ts';

const faults: readonly {
  readonly title: string;
  readonly listener: RequestListener;
  readonly message: RegExp;
  readonly why: string;
}[] = [
  {
    title: 'never answers',
    listener: () => undefined,
    message: /did not answer within 0\.2 s/,
    why: 'a frozen daemon must not freeze a build',
  },
  {
    title: 'stops amid its answer',
    listener: (_, response) => void response.write('{"Id":'),
    message: /did not answer within 0\.2 s/,
    why: 'the limit covers the body as well',
  },
  {
    title: 'hands the connection over without being asked',
    listener: ({ socket }) => {
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    },
    message: /did not answer within 0\.2 s/,
    why: 'the transport then tells neither an answer nor an error',
  },
  {
    title: 'breaks off amid its answer',
    listener: (_, response) => {
      response.write('{"Id":');
      setImmediate(() => response.destroy());
    },
    message: /connection was lost: Docker may be restarting/,
    why: 'a restart cuts answers short',
  },
  {
    title: 'breaks off before its answer',
    listener: (request) => request.socket.destroy(),
    message: /connection was lost/,
    why: 'a restart cuts requests short',
  },
  {
    title: 'answers 500',
    listener: (_, response) => response.writeHead(500).end('{"message":"no space left on device"}'),
    message: /answered 500: no space left on device/,
    why: 'whoever reads the message can free the disk',
  },
  {
    title: 'sends elsewhere',
    listener: (_, response) => response.writeHead(301, { location: '/elsewhere' }).end(),
    message: /redirect/i,
    why: 'the transport would follow it, to a crash of the process',
  },
];
for (const { title, listener, message, why } of faults) {
  void test(`a daemon that ${title} is a transient fault: ${why}`, async (t) => {
    const engine = await engineFor(t, listener);
    await assert.rejects(engine.inspectContainer('x'), (error: Error) => {
      assert.equal(error.name, 'TransientError');
      assert.match(error.message, /^cannot inspect container "x": .*unix:\/\/.*docker\.sock/);
      assert.match(error.message, message);
      return true;
    });
    await assert.rejects(engine.createContainer(containerSpec()), { name: 'TransientError' });
    await assert.rejects(engine.readLogs('x', { maxBytes: 9 }), {
      name: 'TransientError',
    });
  });
}

void test('a daemon that is silent from the first is a transient fault within the limit of a call', async (t) => {
  const path = await socketPath(t);
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const asking = engineAt(path).inspectContainer('x');
  await assert.rejects(asking, /^TransientError: .* did not answer within 0\.2 s/);
});

void test('a missing socket is a transient fault whose message tells what to do', async (t) => {
  const path = await socketPath(t);
  await assert.rejects(engineAt(path).info(), (error: Error) => {
    assert.equal(error.name, 'TransientError');
    assert.ok(error.message.includes(`unix://${path}`), error.message);
    assert.match(error.message, /start Docker, or set host/);
    return true;
  });
});

void test('a daemon that cannot be reached never fails a pull permanently', async (t) => {
  const path = await socketPath(t);
  await assert.rejects(engineAt(path).pullImage('alpine', {}), { name: 'TransientError' });
});

void test('a slow pull continues as long as it makes progress', async (t) => {
  const engine = await engineFor(t, (request, response) => {
    if (request.method === 'GET') {
      response.end('{"Id":"sha256:1"}');
      return;
    }
    let lines = 0;
    const timer = setInterval(() => {
      response.write('{"status":"Downloading"}\n');
      lines += 1;
      if (lines < 8) return;
      clearInterval(timer);
      response.end();
    }, 50);
  });
  assert.equal((await engine.pullImage('x', {})).id, 'sha256:1');
});

void test('a pull that was cut off in the middle is no success', async (t) => {
  const engine = await engineFor(t, (_, response) => {
    response.write('{"status":"Downloading"}\n');
    setImmediate(() => response.destroy());
  });
  await assert.rejects(engine.pullImage('x', {}), { name: 'TransientError' });
});

void test('an answer of an unknown shape is a final fault', async (t) => {
  const engine = await engineFor(t, (_, response) => response.end('{"surprise":true}'));
  await assert.rejects(engine.inspectContainer('x'), { type: FailureType.RunnerSystem });
});

void test('a create request has no variables in its URL', async (t) => {
  const urls: string[] = [];
  const engine = await engineFor(t, (request, response) => {
    urls.push(request.url ?? '');
    request.resume();
    response.writeHead(201).end('{"Id":"abc"}');
  });
  const spec = containerSpec({ name: 'named', environment: ['TOKEN=s3cret'] });
  assert.equal(await engine.createContainer(spec), 'abc');
  assert.deepEqual(urls, ['/v1.44/containers/create?name=named']);
});

void test('the version is requested again after a fault', async (t) => {
  const path = await socketPath(t);
  const engine = engineAt(path);
  await assert.rejects(engine.inspectContainer('x'), { name: 'TransientError' });
  const urls: string[] = [];
  const server = createServer((request, response) => {
    urls.push(request.url ?? '');
    const isPing = request.url?.startsWith('/_ping') === true;
    if (isPing) response.setHeader('api-version', '1.41');
    else response.statusCode = 404;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  assert.equal(await engine.inspectContainer('x'), undefined);
  assert.deepEqual(urls, ['/_ping?', '/v1.41/containers/x/json?']);
});
