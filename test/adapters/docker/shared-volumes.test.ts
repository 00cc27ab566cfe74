import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import type { ContainerEngine } from '../../../src/ports/index.ts';
import { directory, membersOf } from '../archives/support.ts';
import { engineFor, inspection, PATIENT } from './fake-daemon.ts';
import { dockerAt } from '../../support/docker/docker-at.ts';
import {
  containerSpec,
  created,
  JOB_IMAGE,
  openEngine,
  randomName,
  removeImage,
} from './support.ts';

// Docker checks for a directory and then creates it. Two calls that do so in one volume at the same
// time collide, and one of them gets "file exists".

const never = new AbortController().signal;
const tree = [
  { path: '/builds', type: 'directory', mode: 0o777 },
  { path: '/builds/group', type: 'directory', mode: 0o777 },
  { path: '/builds/group/project', type: 'directory', mode: 0o777 },
] as const;

type Mount = Readonly<Record<'Type' | 'Name' | 'Source' | 'Destination', string>>;

function volume(name: string, path: string): Mount {
  return { Type: 'volume', Name: name, Source: `/v/${name}/_data`, Destination: path };
}

function bind(source: string, path: string): Mount {
  return { Type: 'bind', Name: '', Source: source, Destination: path };
}

/** The mounts of each container of the fake daemon. */
const MOUNTS: Readonly<Record<string, readonly Mount[]>> = {
  first: [volume('shared', '/builds'), bind('/srv/certs', '/certs')],
  second: [volume('shared', '/builds'), bind('/srv/certs', '/certs')],
  elsewhere: [volume('shared', '/deep/builds')],
  bound: [bind('/srv/builds', '/builds')],
  'bound too': [bind('/srv/builds/', '/builds')],
  other: [volume('other', '/builds'), bind('/srv/certs', '/certs')],
};

/**
 * A daemon that answers only the call of `other` about volumes until it has arrived. A call that
 * arrives before it arrives during the first call.
 */
function slowDaemon(): { readonly listener: RequestListener; readonly seen: string[] } {
  const seen: string[] = [];
  const waiting: (() => void)[] = [];
  let hasOther = false;
  const listener: RequestListener = (request, response) => {
    const url = new URL(request.url ?? '', 'http://x');
    const name = decodeURIComponent(/containers\/([^/]+)\//.exec(url.pathname)?.[1] ?? '');
    const who = url.searchParams.get('name') ?? name;
    request.resume();
    if (request.method === 'GET') {
      const known = JSON.parse(inspection('created')) as object;
      response.end(JSON.stringify({ ...known, Mounts: MOUNTS[who] }));
      return;
    }
    seen.push(`${who} begins`);
    const answer = (): void => {
      seen.push(`${who} ends`);
      const isCreate = url.pathname.endsWith('/create');
      response.writeHead(isCreate ? 201 : 200).end(isCreate ? `{"Id":"${who}"}` : undefined);
    };
    request.on('end', () => {
      if (who === 'other') {
        hasOther = true;
        answer();
        for (const answerWaiting of waiting) answerWaiting();
      } else if (hasOther) answer();
      else waiting.push(answer);
    });
  };
  return { listener, seen };
}

type Act = (engine: ContainerEngine, name: string) => Promise<unknown>;

const put: Act = (engine, name) => engine.putArchive(name, '/', tree);
const write: Act = (engine, name) =>
  engine.writeFiles(name, '/builds/group', { members: membersOf([directory('a')]), signal: never });
const create: Act = (engine, name) => {
  const binds = (MOUNTS[name] ?? []).map(
    ({ Name, Source, Destination }) => `${Name === '' ? Source : Name}:${Destination}`,
  );
  return engine.createContainer(containerSpec({ name, binds }));
};

const meetings: readonly (readonly [string, string, string, Act])[] = [
  ['two archives for one volume', 'first', 'second', put],
  ['two archives for one volume that is mounted elsewhere too', 'first', 'elsewhere', put],
  ['two archives for one directory of the host', 'bound', 'bound too', put],
  ['files for one directory of one volume', 'first', 'second', write],
  ['two containers that Docker fills one fresh volume for', 'first', 'second', create],
];
for (const [what, one, two, act] of meetings) {
  void it(`${what} run one after the other, and others beside them`, async (t) => {
    const { listener, seen } = slowDaemon();
    const timing = { ...PATIENT, transferIdleMs: 60_000 };
    const engine = await engineFor(t, listener, { timing });
    const paths = two === 'elsewhere' ? [{ ...tree[0], path: '/deep/builds' }] : tree;
    const second: Act = act === put ? (_, name) => engine.putArchive(name, '/', paths) : act;
    await Promise.all([act(engine, one), second(engine, two), act(engine, 'other')]);
    const ofBoth = seen.filter((line) => !line.startsWith('other'));
    const inTurn = [`${one} begins`, `${one} ends`, `${two} begins`, `${two} ends`];
    assert.ok(
      [inTurn, [...inTurn.slice(2), ...inTurn.slice(0, 2)]].some(
        (order) => order.join() === ofBoth.join(),
      ),
      seen.join(', '),
    );
    assert.ok(seen.indexOf('other begins') < seen.indexOf(ofBoth[1] ?? ''), seen.join(', '));
  });
}

void it('the next call runs after one that fails', async (t) => {
  let puts = 0;
  const engine = await engineFor(
    t,
    (request, response) => {
      request.resume();
      if (request.method === 'GET') {
        const known = JSON.parse(inspection('created')) as object;
        response.end(JSON.stringify({ ...known, Mounts: MOUNTS.first }));
      } else response.writeHead((puts += 1) === 1 ? 403 : 200).end();
    },
    { timing: PATIENT },
  );
  const results = await Promise.allSettled([put(engine, 'first'), put(engine, 'second')]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled'],
  );
});

void describe('Docker itself', () => {
  const engine = openEngine();

  /** Two containers that are created at the same time, with a volume that is created for them. */
  async function twoContainers(t: TestContext, image: string): Promise<readonly string[]> {
    const name = randomName();
    await engine.ensureVolume({ name, labels: {} });
    const specs = [1, 2].map(() => containerSpec({ image, binds: [`${name}:/builds`] }));
    t.after(async () => {
      await Promise.all(specs.map((spec) => engine.removeContainer(spec.name)));
      await engine.removeVolume(name);
    });
    return Promise.all(specs.map((spec) => engine.createContainer(spec)));
  }

  /** An image with many directories where the volume is mounted. */
  async function fullImage(t: TestContext): Promise<string> {
    const script = 'i=0; while [ $i -lt 300 ]; do mkdir -p /builds/$i/below; i=$((i+1)); done';
    const id = await created(t, engine, { command: ['sh', '-ec', script] });
    await engine.startContainer(id);
    assert.equal((await engine.waitForExit(id, never)).exitCode, 0);
    const name = `${randomName()}:full`;
    const [repo, tag] = name.split(':');
    await dockerAt(undefined).getContainer(id).commit({ repo, tag });
    t.after(() => removeImage(name));
    return name;
  }

  void it('creates the same directories for two containers with a fresh volume, 20 times', async (t) => {
    for (let round = 0; round < 20; round += 1) {
      const ids = await twoContainers(t, JOB_IMAGE);
      await Promise.all(ids.map((id) => engine.putArchive(id, '/', tree)));
    }
  });

  void it('fills a fresh volume from the image of two containers, 10 times', async (t) => {
    const image = await fullImage(t);
    for (let round = 0; round < 10; round += 1) await twoContainers(t, image);
  });
});
