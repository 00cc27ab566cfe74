import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { test, type TestContext } from 'node:test';
import { BUILD_LABEL, INSTALLATION_LABEL } from '../../../src/adapters/docker/labels.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import type { ContainerEngine } from '../../../src/ports/index.ts';
import { engineFor, PATIENT } from './fake-daemon.ts';

// engine.test.ts covers the real daemon. This file covers answers that it seldom gives.

interface Scripted {
  readonly engine: ContainerEngine;
  /** `METHOD /path` of each request, with its content. */
  readonly asked: { readonly what: string; readonly query: URLSearchParams; body: string }[];
}

async function scripted(
  t: TestContext,
  answer: (what: string) => readonly [status: number, body?: object],
): Promise<Scripted> {
  const asked: Scripted['asked'] = [];
  const listener: RequestListener = (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://docker');
    const what = `${request.method} ${pathname.replace(/^\/v[\d.]+/, '')}`;
    const entry = { what, query: searchParams, body: '' };
    asked.push(entry);
    request.on('data', (chunk: Buffer) => (entry.body += chunk.toString()));
    request.on('end', () => {
      const [status, body] = answer(what);
      response.writeHead(status).end(body && JSON.stringify(body));
    });
  };
  return { engine: await engineFor(t, listener, { timing: PATIENT }), asked };
}

const labels = { [BUILD_LABEL]: 'b' };

void test('a network is created once: the answer 409 is no error when it belongs to this build', async (t) => {
  const own = { Labels: { ...labels, [INSTALLATION_LABEL]: 'engine-test' } };
  const { engine, asked } = await scripted(t, (what) =>
    what.startsWith('GET') ? [200, own] : [409, { message: 'exists' }],
  );
  await engine.createNetwork({ name: 'n', labels });
  const body = JSON.parse(asked[0]?.body ?? '') as Record<string, unknown>;
  assert.equal(body['CheckDuplicate'], true);
  assert.deepEqual(body['Labels'], own.Labels);
});

void test('a network of that name that disappears meanwhile can be tried again', async (t) => {
  const { engine } = await scripted(t, (what) => (what.startsWith('GET') ? [404] : [409]));
  await assert.rejects(engine.createNetwork({ name: 'n', labels }), { name: 'TransientError' });
});

void test('a network of somebody else is a final fault whose message tells what to do', async (t) => {
  const { engine } = await scripted(t, (what) =>
    what.startsWith('GET') ? [200, { Labels: null }] : [409],
  );
  await assert.rejects(engine.createNetwork({ name: 'n', labels }), {
    type: FailureType.RunnerSystem,
    message: /network "n": a network of this name exists .* remove it/,
  });
});

const networks: readonly [status: number, message: string, expected: object, why: string][] = [
  [
    400,
    'all predefined address pools have been fully subnetted',
    { name: 'TransientError', message: /fully subnetted; .*default-address-pools.* concurrent$/ },
    'Docker 27 and later, until another build ends',
  ],
  [
    404,
    'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
    { name: 'TransientError', message: /to the network; .*default-address-pools.* concurrent$/ },
    'Docker before 27',
  ],
  [400, 'invalid MTU', { type: FailureType.RunnerSystem }, 'the job has no say in its network'],
  [500, 'iptables failed', { name: 'TransientError' }, 'the node may recover'],
];
for (const [status, message, expected, why] of networks) {
  void test(`a network answered ${status} "${message}" is a fault of the system: ${why}`, async (t) => {
    const { engine } = await scripted(t, () => [status, { message }]);
    await assert.rejects(engine.createNetwork({ name: 'n', labels }), expected);
  });
}

void test('everything attached to a network is disconnected before it is removed', async (t) => {
  const { engine, asked } = await scripted(t, (what) => {
    if (what.startsWith('GET')) return [200, { Labels: null, Containers: { c1: {}, c2: {} } }];
    return what.startsWith('DELETE') ? [204] : [200];
  });
  await engine.removeNetwork('n');
  assert.deepEqual(
    asked.map(({ what }) => what),
    [
      'GET /networks/n',
      'POST /networks/n/disconnect',
      'POST /networks/n/disconnect',
      'DELETE /networks/n',
    ],
  );
  assert.deepEqual(JSON.parse(asked[1]?.body ?? ''), { Container: 'c1', Force: true });
});

void test('a container that left the network by itself does not stop the removal', async (t) => {
  const { engine } = await scripted(t, (what) => {
    if (what.startsWith('GET')) return [200, { Labels: null, Containers: { c1: {} } }];
    return what.startsWith('DELETE') ? [204] : [404];
  });
  await engine.removeNetwork('n');
});

void test('only objects of this installation are listed, and null means none', async (t) => {
  const { engine, asked } = await scripted(t, (what) =>
    what.endsWith('/volumes') ? [200, { Volumes: null }] : [200, []],
  );
  const nothing = { containers: [], volumes: [], networks: [] };
  assert.deepEqual(await engine.listByLabels(labels), nothing);
  for (const { query } of asked) {
    const filters = JSON.parse(query.get('filters') ?? '') as { label: string[] };
    assert.deepEqual(filters.label, [`${BUILD_LABEL}=b`, `${INSTALLATION_LABEL}=engine-test`]);
  }
  assert.equal(asked.find(({ what }) => what.includes('containers'))?.query.get('all'), '1');
});

const volumes: readonly [status: number, expected: object, why: string][] = [
  [400, { type: FailureType.RunnerConfiguration }, 'a name that Docker does not take'],
  [500, { name: 'TransientError' }, 'the disk may be full for now'],
];
for (const [status, expected, why] of volumes) {
  void test(`a volume answered ${status} is ${JSON.stringify(expected)}: ${why}`, async (t) => {
    const { engine } = await scripted(t, () => [status]);
    await assert.rejects(engine.ensureVolume({ name: 'v', labels }), expected);
  });
}

void test('a volume in use is not removed, and a missing one counts as removed', async (t) => {
  let status = 409;
  const { engine } = await scripted(t, () => [status, { message: 'volume is in use' }]);
  await assert.rejects(engine.removeVolume('v'), {
    name: 'TransientError',
    message: /cannot remove volume "v": .*volume is in use/,
  });
  status = 404;
  await engine.removeVolume('v');
});
