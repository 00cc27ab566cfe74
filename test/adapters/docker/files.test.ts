import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import Dockerode from 'dockerode';
import type { ContainerEngine, FileMember } from '../../../src/ports/index.ts';
import { FinalError, TransientError } from '../../../src/domain/failure.ts';
import { directory, file, membersOf, symlink, type Plain } from '../archives/support.ts';
import { engineFor, inspection, PATIENT } from './fake-daemon.ts';
import { created, JOB_IMAGE, openEngine, ranToEnd, readOutput } from './support.ts';

const engine = openEngine();
// Without a daemon the whole file fails here, because otherwise a test would wait for one for ever.
await engine.info();
const never = new AbortController().signal;

type Seen = Pick<FileMember, 'path' | 'kind' | 'mode' | 'linkTarget'> & { readonly text: string };

async function read(id: string, path: string): Promise<readonly Seen[] | undefined> {
  const members = await engine.readFiles(id, path, { signal: never });
  if (members === undefined) return undefined;
  const all: Seen[] = [];
  for await (const { path: name, kind, mode, linkTarget, content } of members) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    all.push({ path: name, kind, mode, linkTarget, text: Buffer.concat(chunks).toString() });
  }
  return all;
}

function write(id: string, path: string, members: readonly Plain[]): Promise<void> {
  return engine.writeFiles(id, path, { members: membersOf(members), signal: never });
}

/** A container that has run this script to its end. */
function ended(t: TestContext, script: string, binds: readonly string[] = []): Promise<string> {
  return ranToEnd(t, engine, { script, binds });
}

const byPath = (a: Seen, b: Seen): number => (a.path < b.path ? -1 : 1);

describe('reading files of a container', () => {
  it('returns files, directories and links unchanged, also from a container that has ended', async (t) => {
    const id = await ended(
      t,
      `mkdir -p /d/empty /d/a/b; cd /d; umask 022; printf text > a/b/f; chmod 4750 a/b/f
       ln -s /nowhere abs; ln -s a/b rel; mkfifo pipe; mknod dev c 1 3 || true; chmod 700 empty`,
    );
    assert.deepEqual([...((await read(id, '/d')) ?? [])].sort(byPath), [
      { path: 'd', kind: 'directory', mode: 0o755, linkTarget: '', text: '' },
      { path: 'd/a', kind: 'directory', mode: 0o755, linkTarget: '', text: '' },
      { path: 'd/a/b', kind: 'directory', mode: 0o755, linkTarget: '', text: '' },
      { path: 'd/a/b/f', kind: 'file', mode: 0o4750, linkTarget: '', text: 'text' },
      { path: 'd/abs', kind: 'symlink', mode: 0o777, linkTarget: '/nowhere', text: '' },
      { path: 'd/empty', kind: 'directory', mode: 0o700, linkTarget: '', text: '' },
      { path: 'd/rel', kind: 'symlink', mode: 0o777, linkTarget: 'a/b', text: '' },
    ]);
  });

  it('returns the content for each name of a hard-linked file, however much lies between them', async (t) => {
    const id = await ended(
      t,
      `mkdir /d; cd /d; printf linked > 1; head -c 20000000 /dev/zero > 2; ln 1 3; ln 1 0`,
    );
    const members = (await read(id, '/d')) ?? [];
    const texts = members
      .filter(({ path }) => path !== 'd/2')
      .map(({ path, text }) => [path, text]);
    assert.deepEqual(texts.sort(), [
      ['d', ''],
      ['d/0', 'linked'],
      ['d/1', 'linked'],
      ['d/3', 'linked'],
    ]);
  });

  it('supports names of 255 bytes in any language, and deep paths', async (t) => {
    const deep = Array.from({ length: 30 }, (_, index) => `level-${index}`).join('/');
    const long = 'n'.repeat(255);
    const id = await ended(
      t,
      `mkdir -p /d/${deep}; cd /d; touch "${long}" "größe 日本語 💎" "new
line" "back\\\\slash"; printf x > "${deep}/f"`,
    );
    const paths = ((await read(id, '/d')) ?? []).map(({ path }) => path);
    for (const name of [long, 'größe 日本語 💎', 'new\nline', 'back\\slash', `${deep}/f`]) {
      assert.ok(paths.includes(`d/${name}`), `${name} is missing among ${paths.join()}`);
    }
  });

  it('returns names that are not UTF-8 byte for byte, also of hard links', async (t) => {
    const id = await ended(
      t,
      `mkdir /d; cd /d; L="$(printf 'caf\\351')"; printf x > "$L"; ln "$L" "$L.hard"; ln "$L" other
       ln -s "$L" "$L.soft"; mkdir "$L.d"; printf y > "$L.d/f"`,
    );
    assert.deepEqual(
      [...((await read(id, '/d')) ?? [])]
        .sort(byPath)
        .map(({ path, linkTarget, text }) => [path, linkTarget, text]),
      [
        ['d', '', ''],
        ['d/caf\udce9', '', 'x'],
        ['d/caf\udce9.d', '', ''],
        ['d/caf\udce9.d/f', '', 'y'],
        ['d/caf\udce9.hard', '', 'x'],
        ['d/caf\udce9.soft', 'caf\udce9', ''],
        ['d/other', '', 'x'],
      ],
    );
    assert.equal(await engine.pathExists(id, '/d/caf\udce9.d'), true);
    assert.equal(await engine.pathExists(id, '/d/caf\udce8.d'), false);
  });

  it('returns a single file, and nothing when there is none', async (t) => {
    const id = await ended(t, 'printf x > /one');
    assert.deepEqual(await read(id, '/one'), [
      { path: 'one', kind: 'file', mode: 0o644, linkTarget: '', text: 'x' },
    ]);
    assert.equal(await read(id, '/absent'), undefined);
    assert.equal(await engine.pathExists(id, '/one'), true);
    assert.equal(await engine.pathExists(id, '/absent/at/all'), false);
  });

  it('describes files and directories without reading them, and nothing else', async (t) => {
    const id = await ended(
      t,
      'mkdir -m 0750 /d; cd /d; printf abc > f; chmod 4600 f; touch -d @1700000000 f; ln -s f l; mkfifo p; ln -s /d /e',
    );
    const { isPodman } = await engine.info();
    const stat = async (path: string) => (await engine.statPath(id, path)) ?? 'unknown';
    const told = <T>(facts: T): T | 'unknown' => (isPodman ? 'unknown' : facts);
    assert.deepEqual(
      await stat('/d/f'),
      told({ kind: 'file', mode: 0o600, sizeBytes: 3, modifiedMs: 1_700_000_000_000 }),
    );
    const { modifiedMs, sizeBytes, ...directory } = (await engine.statPath(id, '/d')) ?? {};
    assert.deepEqual(directory, isPodman ? {} : { kind: 'directory', mode: 0o750 });
    assert.deepEqual([typeof modifiedMs, typeof sizeBytes].includes('number'), !isPodman);
    for (const path of ['/d/l', '/d/p', '/d/absent', '/absent/f']) {
      assert.equal(await stat(path), 'unknown', path);
    }
  });

  it('closes the connection when the loop is left early, so that the container is free', async (t) => {
    const id = await ended(
      t,
      'mkdir /d; cd /d; for i in 1 2 3; do head -c 9000000 /dev/zero > $i; done',
    );
    for await (const member of (await engine.readFiles(id, '/d', { signal: never })) ?? []) {
      if (member.kind === 'file') break;
    }
    // Docker does not answer requests about a container whose files are being read.
    assert.equal(await engine.pathExists(id, '/d'), true);
  });

  it('ends with the reason of the signal', async (t) => {
    const id = await ended(t, 'mkdir /d; head -c 9000000 /dev/zero > /d/f');
    const abort = new AbortController();
    const members = await engine.readFiles(id, '/d', { signal: abort.signal });
    await assert.rejects(async () => {
      for await (const member of members ?? []) {
        for await (const chunk of member.content) if (chunk) abort.abort(new Error('stopped'));
      }
    }, /stopped/);
  });

  it('gives up on a daemon that begins an answer and sends nothing more', async (t) => {
    const silent = await engineFor(t, (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/x-tar' });
      response.write(Buffer.alloc(100));
    });
    const members = await silent.readFiles('x', '/d', { signal: never });
    await assert.rejects(async () => {
      for await (const member of members ?? []) assert.fail(member.path);
    }, TransientError);
  });

  it('gives up on a daemon that does not answer', async (t) => {
    const silent = await engineFor(t, () => undefined);
    await assert.rejects(silent.readFiles('x', '/d', { signal: never }), TransientError);
  });

  it('fails when the connection breaks in the middle', async (t) => {
    const broken = await engineFor(t, (_request, response) => {
      response.writeHead(200);
      response.write(Buffer.alloc(100), () => response.destroy());
    });
    const members = await broken.readFiles('x', '/d', { signal: never });
    await assert.rejects(async () => {
      for await (const member of members ?? []) assert.fail(member.path);
    }, TransientError);
  });
});

describe('writing files into a container', () => {
  const TREE: readonly Plain[] = [
    directory('sub', { mode: 0o711 }),
    file('sub/größe 日本語', 'text', { mode: 0o640, uid: 1234, gid: 5678 }),
    file('none', '', { mode: 0 }),
    file('n'.repeat(255), 'long'),
    symlink('in', 'sub'),
    symlink('out', '../../../etc/hostname'),
    symlink('abs', '/etc/hostname'),
  ];
  const LOOK = `cd /w; stat -c '%n %a %u:%g %Y' sub sub/g* none; readlink in out abs; cat sub/g* n*`;

  for (const state of ['created', 'running', 'ended'] as const) {
    it(`writes them with modes, owners and times into a container that is ${state}`, async (t) => {
      const script = `until [ -e /w/go ]; do sleep 0.1; done; ${LOOK}`;
      const id = await created(t, engine, {
        command: ['sh', '-c', state === 'ended' ? `[ -e /w/go ] || exit 0; ${LOOK}` : script],
      });
      await engine.putArchive(id, '/', [{ path: '/w', type: 'directory', mode: 0o777 }]);
      if (state !== 'created') await engine.startContainer(id);
      if (state === 'ended') await engine.waitForExit(id, never);
      await write(id, '/w', TREE);
      await write(id, '/w', [file('go', '')]);
      if (state !== 'running') await engine.startContainer(id);
      await engine.waitForExit(id, never);
      assert.equal(
        await readOutput(engine, id),
        [
          'sub 711 0:0 1600000000',
          'sub/größe 日本語 640 1234:5678 1600000000',
          'none 0 0:0 1600000000',
          ...['sub', '/etc/hostname', '/etc/hostname', 'textlong'],
        ].join('\n'),
      );
    });
  }

  it('replaces existing files of any kind', async (t) => {
    const id = await ended(
      t,
      'mkdir -p /w/dir/full; cd /w; touch dir/full/x file; ln -s file link',
    );
    await write(id, '/w', [file('dir', 'a'), directory('file'), file('link', 'b')]);
    assert.deepEqual(
      [...((await read(id, '/w')) ?? [])].sort(byPath).map(({ path, kind }) => [path, kind]),
      [
        ['w', 'directory'],
        ['w/dir', 'file'],
        ['w/file', 'directory'],
        ['w/link', 'file'],
      ],
    );
  });

  it('writes into a volume that two containers share', async (t) => {
    const id = await created(t, engine, { command: ['sh', '-c', 'cat /v/f'], binds: ['/v'] });
    await write(id, '/v', [file('f', 'in the volume')]);
    await engine.startContainer(id);
    await engine.waitForExit(id, never);
    assert.equal(await readOutput(engine, id), 'in the volume');
  });

  const refusals: readonly (readonly [why: string, path: string, said: RegExp])[] = [
    ['a directory that is not there', '/absent', /404/],
    ['a file in place of the directory', '/etc/passwd', /400|extraction point is not a directory/],
  ];
  for (const [why, path, said] of refusals) {
    it(`is refused permanently at ${why}, however much is still to be sent`, async (t) => {
      const id = await created(t, engine);
      await assert.rejects(write(id, path, [file('f', 'x'.repeat(5_000_000))]), (error) => {
        assert.ok(error instanceof FinalError, String(error));
        assert.match(error.message, said);
        return true;
      });
    });
  }

  it('is refused permanently on a read-only root file system, but not in its volumes', async (t) => {
    const { id } = await new Dockerode().createContainer({
      ...{ Image: JOB_IMAGE, Cmd: ['true'], Volumes: { '/v': {} } },
      HostConfig: { ReadonlyRootfs: true },
    });
    t.after(() => engine.removeContainer(id));
    await assert.rejects(write(id, '/tmp', [file('f', 'x')]), FinalError);
    await write(id, '/v', [file('f', 'x')]);
  });

  it('is refused permanently when the container is gone', async () => {
    await assert.rejects(write('tgr-test-absent', '/', [file('f', 'x')]), FinalError);
  });

  it('fails with the fault of its source, and frees the container', async (t) => {
    const id = await created(t, engine);
    const failing = async function* (): AsyncGenerator<FileMember, void, void> {
      yield* membersOf([file('good', 'x'.repeat(200_000))]);
      throw new Error('the source failed');
    };
    const order = { members: failing(), signal: never };
    await assert.rejects(engine.writeFiles(id, '/tmp', order), /the source failed/);
    assert.equal(await engine.pathExists(id, '/tmp'), true);
  });

  it('ends with the reason of the signal', async (t) => {
    const id = await created(t, engine);
    const abort = new AbortController();
    const stopping = async function* (): AsyncGenerator<FileMember, void, void> {
      yield* membersOf([file('good', 'x')]);
      abort.abort(new Error('stopped'));
      yield* membersOf([file('more', 'x')]);
    };
    const order = { members: stopping(), signal: abort.signal };
    await assert.rejects(engine.writeFiles(id, '/tmp', order), /stopped/);
  });

  it('gives up on a daemon that reads bytes and does not answer', async (t) => {
    const silent = await engineFor(t, (request) => void request.resume());
    await assert.rejects(writeTo(silent, [file('f', 'x')]), TransientError);
  });

  it('gives up on a daemon that reads nothing', async (t) => {
    const deaf = await engineFor(t, (request) => void request.pause());
    await assert.rejects(writeTo(deaf, [file('f', 'x'.repeat(9_000_000))]), TransientError);
  });

  it('fails when the connection breaks in the middle', async (t) => {
    const broken = await engineFor(t, (request) => {
      request.once('data', () => request.destroy());
    });
    await assert.rejects(writeTo(broken, [file('f', 'x'.repeat(9_000_000))]), TransientError);
  });

  for (const message of [
    'Error processing tar file(exit status 1): no space left on device',
    'lchown /var/lib/x: operation not permitted',
  ]) {
    it(`fails permanently when Docker could not unpack, although the status is 500: ${message}`, async (t) => {
      const full = await engineFor(
        t,
        (request, response) => {
          request.resume();
          if (request.method === 'GET') {
            response.end(inspection('created'));
            return;
          }
          response.writeHead(500, { 'Content-Type': 'application/json' });
          response.end(JSON.stringify({ message }));
        },
        { timing: { ...PATIENT, transferIdleMs: 60_000 } },
      );
      await assert.rejects(writeTo(full, [file('f', 'x'.repeat(9_000_000))]), (error) => {
        assert.ok(error instanceof FinalError, String(error));
        assert.ok(error.message.includes(message), error.message);
        return true;
      });
    });
  }
});

function writeTo(to: ContainerEngine, members: readonly Plain[]): Promise<void> {
  return to.writeFiles('x', '/w', { members: membersOf(members), signal: never });
}

describe('very many files', () => {
  it('are read and written one by one, in constant memory', { timeout: 300_000 }, async (t) => {
    const count = 5_000;
    const id = await created(t, engine, {
      command: ['sh', '-c', 'find /w -type f | wc -l'],
    });
    await engine.putArchive(id, '/', [{ path: '/w', type: 'directory', mode: 0o777 }]);
    const many = async function* (): AsyncGenerator<FileMember, void, void> {
      for (let index = 0; index < count; index += 1) {
        if (index % 500 === 0) yield* membersOf([directory(`d${index / 500}`)]);
        yield* membersOf([file(`d${Math.floor(index / 500)}/f${index}`, `${index}`)]);
      }
    };
    const before = process.memoryUsage().rss;
    await engine.writeFiles(id, '/w', { members: many(), signal: never });
    let seen = 0;
    for await (const { kind } of (await engine.readFiles(id, '/w', { signal: never })) ?? []) {
      if (kind === 'file') seen += 1;
    }
    assert.equal(seen, count);
    const growth = process.memoryUsage().rss - before;
    assert.ok(growth < 150 * 1024 ** 2, `memory grew by ${Math.round(growth / 1024 ** 2)} MiB`);
    await engine.startContainer(id);
    await engine.waitForExit(id, never);
    assert.equal((await readOutput(engine, id)).trim(), String(count));
  });
});
