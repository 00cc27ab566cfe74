import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ContainerEngine } from '../../../src/ports/index.ts';
import { BUILD_LABEL } from '../../../src/adapters/docker/labels.ts';
import { CACHE_VOLUME_LABELS } from '../../../src/domain/executor/volumes.ts';
import type { ContainerSpec } from '../../../src/domain/executor/specs.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import { copyImage } from '../../support/docker/second-daemon.ts';
import { openPodman, whyNoPodman, type Podman } from '../../support/podman.ts';
import { simulatePodman } from '../../support/podman-simulator.ts';
import { created, JOB_IMAGE, openEngine, randomName, ranToEnd, readOutput } from './support.ts';

// These tests cover the differences between Podman and Docker. The simulation runs everywhere. A
// real Podman, where there is one, shows that the simulation is right.

interface Place {
  readonly host: string;
  close(): Promise<void>;
}

async function openRealPodman(): Promise<Place> {
  const podman = await openPodman();
  await copyImage(JOB_IMAGE, podman.host);
  return podman;
}

const never = new AbortController().signal;

function engineOf({ host }: Place, installation = randomName()): ContainerEngine {
  return openEngine({
    docker: { host, tlsCertPath: undefined, tlsVerify: false },
    installation,
    timing: { reconnectDelayMs: () => 20 },
  });
}

describePodman('a simulated Podman', { open: simulatePodman, skip: undefined });
describePodman('a real Podman', { open: openRealPodman, skip: whyNoPodman() });

describe(
  'a real Podman that records a mount which is gone',
  { skip: whyNoPodman() ?? false },
  () => {
    let podman: Podman;
    before(async () => {
      podman = await openPodman();
      await copyImage(JOB_IMAGE, podman.host);
    });
    after(() => podman.close());

    it('starts the container, and sends its files, on the second try', async (t) => {
      const engine = engineOf(podman);
      const id = await ranToEnd(t, engine, { script: 'echo text > /file' });
      const lost = { name: 'TransientError', message: /mounting storage .*merged: no such file/ };
      await podman.recordMount(id);
      await assert.rejects(engine.readFiles(id, '/file', { signal: never }), lost);
      assert.deepEqual(await readAll(engine, id, '/file'), ['file text\n']);
      await podman.recordMount(id);
      await assert.rejects(engine.startContainer(id), lost);
      await engine.startContainer(id);
      assert.equal((await engine.waitForExit(id, never)).exitCode, 0);
      await engine.removeContainer(id);
    });
  },
);

interface Kind {
  readonly open: () => Promise<Place>;
  /** Why Podman is not available here. */
  readonly skip: string | undefined;
}

function describePodman(title: string, { open, skip }: Kind): void {
  describe(title, { skip: skip ?? false }, () => {
    let place: Place;
    before(async () => {
      place = await open();
    });
    after(() => place.close());

    it('only volumes with both labels are listed', async (t) => {
      const engine = engineOf(place);
      const other = engineOf(place);
      const volume = async (of: ContainerEngine, labels: Readonly<Record<string, string>>) => {
        const name = randomName();
        await of.ensureVolume({ name, labels, driverOptions: {} });
        t.after(() => of.removeVolume(name));
        return name;
      };
      const temporary = await volume(engine, { [BUILD_LABEL]: 'b' });
      const cache = await volume(engine, CACHE_VOLUME_LABELS);
      await volume(other, { [BUILD_LABEL]: 'b' });
      await volume(other, CACHE_VOLUME_LABELS);
      assert.deepEqual((await engine.listByLabels({ [BUILD_LABEL]: 'b' })).volumes, [temporary]);
      assert.deepEqual(await engine.listCacheVolumes(), [{ name: cache, isMounted: false }]);
      const id = await created(t, engine, { binds: [`${cache}:/cache`] });
      assert.deepEqual(await engine.listCacheVolumes(), [{ name: cache, isMounted: true }]);
      assert.equal(await engine.removeIdleVolume(cache), false);
      await engine.removeContainer(id);
    });

    it('a container has its exit code in every state', async (t) => {
      const engine = engineOf(place);
      const id = await created(t, engine, { command: ['sh', '-c', 'exit 3'] });
      assert.equal((await engine.inspectContainer(id))?.state, 'created');
      await engine.startContainer(id);
      const { state, exitCode } = await engine.waitForExit(id, never);
      assert.deepEqual([state, exitCode], ['exited', 3]);
    });

    it('no terminal opens in a container that has not begun, or has ended', async (t) => {
      const engine = engineOf(place);
      const id = await created(t, engine, { command: ['true'] });
      const wish = { command: ['sh'], hasTty: false };
      assert.equal(await engine.openTerminal(id, wish), undefined);
      await engine.startContainer(id);
      await engine.waitForExit(id, never);
      assert.equal(await engine.openTerminal(id, wish), undefined);
    });

    it('a seccomp profile holds, which Podman reads itself', async (t) => {
      const engine = engineOf(place);
      const directory = await mkdtemp(join(tmpdir(), 'tgr-seccomp-'));
      t.after(() => rm(directory, { recursive: true }));
      const profile = join(directory, 'profile.json');
      // Profiles are longer than paths may be.
      const comment = 'x'.repeat(8_000);
      const syscalls = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', comment }];
      await writeFile(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }));
      const id = await created(t, engine, {
        command: ['mkdir', '/tmp/forbidden'],
        securityOpt: [`seccomp=${profile}`],
      });
      await engine.startContainer(id);
      assert.equal((await engine.waitForExit(id, never)).exitCode, 1);
      assert.match(await readOutput(engine, id), /Operation not permitted/);
    });

    for (const how of ['kill', 'graceful', 'plain'] as const) {
      it(`stopping (${how}) a container that has ended, or has not begun, succeeds`, async (t) => {
        const engine = engineOf(place);
        const id = await created(t, engine, { command: ['true'] });
        await engine.stopContainer(id, how);
        await engine.startContainer(id);
        await engine.waitForExit(id, never);
        await engine.stopContainer(id, how);
        assert.equal((await engine.inspectContainer(id))?.state, 'exited');
      });
    }

    for (const program of ['no-such-program', '/no/such/program', '/etc/passwd', '/etc']) {
      it(`starting ${program} is refused permanently`, async (t) => {
        const engine = engineOf(place);
        const id = await created(t, engine, { command: [program] });
        await assert.rejects(engine.startContainer(id), (error: Error) => {
          assert.equal(error.name, 'FinalError', error.message);
          assert.ok(error.message.includes(program), error.message);
          return true;
        });
      });
    }

    const attached: readonly (readonly [overrides: Partial<ContainerSpec>, words: RegExp])[] = [
      [{ command: ['no-such-program'] }, /"no-such-program": executable file not found/],
      [{ command: ['/no/such/program'] }, /stat \/no\/such\/program: no such file/],
      [{ user: 'nobody-here' }, /unable to find user nobody-here/],
    ];
    for (const [overrides, words] of attached) {
      it(`a stdin of ${JSON.stringify(overrides)} is refused permanently`, async (t) => {
        const engine = engineOf(place);
        const id = await created(t, engine, { ...overrides, opensStdin: true });
        await assert.rejects(engine.fillStdin(id, Buffer.from('text')), (error: Error) => {
          assert.equal(error.name, 'FinalError', error.message);
          assert.match(error.message, words);
          return true;
        });
      });
    }

    it('a container for a platform that its image is not made for is refused permanently', async (t) => {
      const engine = engineOf(place);
      const { architecture } = await engine.info();
      for (const platform of ['linux', `linux/${architecture}`, architecture]) {
        await created(t, engine, { platform });
      }
      const name = randomName();
      await assert.rejects(created(t, engine, { name, platform: 'linux/s390x' }), {
        type: FailureType.RunnerConfiguration,
        message: /does not match the specified platform: wanted linux\/s390x, actual: linux\/\w+/,
      });
      assert.equal(await engine.inspectContainer(name), undefined, 'there is no container of it');
    });

    for (const name of ['UPPER/Case', 'a b', 'x:-y', 'a@sha256:12']) {
      it(`"${name}" is no name of an image, and is refused permanently`, async () => {
        await assert.rejects(engineOf(place).inspectImage(name), {
          type: FailureType.RunnerConfiguration,
        });
      });
    }

    it('a container reads the bytes that were written to its stdin before its start', async (t) => {
      const engine = engineOf(place);
      const id = await created(t, engine, { command: ['cat'], opensStdin: true });
      await engine.fillStdin(id, Buffer.from('handed over'));
      await engine.startContainer(id);
      assert.equal((await engine.waitForExit(id, never)).exitCode, 0);
      assert.equal(await readOutput(engine, id), 'handed over');
    });

    it('links are read as links, wherever they lead', async (t) => {
      const engine = engineOf(place);
      const id = await ranToEnd(t, engine, {
        script: `mkdir -p /d/real; cd /d; echo text > real/file; ln -s real to-directory
         ln -s real/file to-file; ln -s nowhere to-nothing; ln -s /d/real absolute
         ln -s to-file to-link; echo other > zz`,
      });
      assert.deepEqual(await readAll(engine, id, '/d/to-directory'), ['to-directory -> real']);
      assert.deepEqual(await readAll(engine, id, '/d/to-file'), ['to-file -> real/file']);
      assert.deepEqual(await readAll(engine, id, '/d/to-nothing'), ['to-nothing -> nowhere']);
      assert.deepEqual(await readAll(engine, id, '/d/absolute'), ['absolute -> /d/real']);
      assert.deepEqual(await readAll(engine, id, '/d/to-link'), ['to-link -> to-file']);
      assert.deepEqual(await readAll(engine, id, '/d/to-directory/file'), ['file text\n']);
      assert.equal(await readAll(engine, id, '/d/nothing'), undefined);
      assert.equal(await readAll(engine, id, '/nothing'), undefined);
      assert.equal(await readAll(engine, id, '/nowhere/nothing'), undefined);
    });

    it('links on a volume are read as links, also when the container has ended', async (t) => {
      const engine = engineOf(place);
      const volume = randomName();
      t.after(() => engine.removeVolume(volume));
      const id = await ranToEnd(t, engine, {
        script: `mkdir -p /v/d/real; cd /v/d; echo text > real/file; ln -s real to-directory
                 ln -s real/file to-file; ln -s nowhere to-nothing`,
        binds: [`${volume}:/v`],
      });
      assert.deepEqual(await readAll(engine, id, '/v/d/to-directory'), ['to-directory -> real']);
      assert.deepEqual(await readAll(engine, id, '/v/d/to-file'), ['to-file -> real/file']);
      assert.deepEqual(await readAll(engine, id, '/v/d/to-nothing'), ['to-nothing -> nowhere']);
      assert.deepEqual(await readAll(engine, id, '/v/d/real'), ['real/', 'real/file text\n']);
      assert.equal(await readAll(engine, id, '/v/d/nothing'), undefined);
      await engine.removeContainer(id);
    });

    it('links on a volume are followed, also when the container has ended', async (t) => {
      const engine = engineOf(place);
      const volume = randomName();
      t.after(() => engine.removeVolume(volume));
      const id = await ranToEnd(t, engine, {
        script: `mkdir -p /v/d/real/sub; cd /v/d; echo text > real/file; ln -s real to-directory
                 ln -s real/file to-file; ln -s to-directory/sub/../file by-link; ln -s to-file to-link
                 ln -s nowhere to-nothing; ln -s /v/d/real absolute; ln -s ../../etc out
                 ln -s two one; ln -s one two`,
        binds: [`${volume}:/v`],
      });
      const targets: readonly [name: string, target: string | undefined][] = [
        ['to-directory', '/v/d/real'],
        ['to-file', '/v/d/real/file'],
        ['by-link', '/v/d/real/file'],
        ['to-link', '/v/d/real/file'],
        ['to-nothing', '/v/d/nowhere'],
        ['absolute', '/v/d/real'],
        ['out', '/etc'],
        ['one', ''],
        ['real', undefined],
        ['real/file', undefined],
        ['nothing', undefined],
      ];
      const found = [];
      for (const [name] of targets) found.push([name, await engine.linkTarget(id, `/v/d/${name}`)]);
      assert.deepEqual(found, targets);
      await engine.removeContainer(id);
    });

    it('names that look like patterns are treated as names', async (t) => {
      const engine = engineOf(place);
      const id = await ranToEnd(t, engine, {
        script: `mkdir -p '/d/dir[1]/sub'; cd /d; echo a > 'a[b]'; echo wrong > ab; echo q > 'q?*'
         echo s > 'dir[1]/sub/s'; ln 'dir[1]/sub/s' 'dir[1]/sub/second'; ln -s ab 'l*'
         ln 'a[b]' 'z[b]'; echo z > zz`,
      });
      assert.deepEqual(await readAll(engine, id, '/d/a[b]'), ['a[b] a\n']);
      assert.deepEqual(await readAll(engine, id, '/d/q?*'), ['q?* q\n']);
      assert.deepEqual(await readAll(engine, id, '/d/l*'), ['l* -> ab']);
      assert.deepEqual(await readAll(engine, id, '/d/z[b]'), ['z[b] a\n']);
      assert.deepEqual(await readAll(engine, id, '/d/dir[1]'), [
        'dir[1]/',
        'dir[1]/sub/',
        'dir[1]/sub/s s\n',
        'dir[1]/sub/second s\n',
      ]);
      assert.equal(await readAll(engine, id, '/d/a[c]'), undefined);
      const names = ['/d/a[b]', '/d/q?*', '/d/dir[1]/sub/s', '/d/a[c]', '/d/q*', '/d/dir[2]/sub'];
      const found = await Promise.all(names.map((name) => engine.pathExists(id, name)));
      assert.deepEqual(found, [true, true, true, false, false, false]);
    });
  });
}

/** Returns a line for each member, in the order of names. */
async function readAll(
  engine: ContainerEngine,
  id: string,
  path: string,
): Promise<readonly string[] | undefined> {
  const members = await engine.readFiles(id, path, { signal: never });
  if (members === undefined) return undefined;
  const lines: string[] = [];
  for await (const { path: name, kind, linkTarget, content } of members) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    if (kind === 'file') lines.push(`${name} ${Buffer.concat(chunks).toString()}`);
    else lines.push(kind === 'symlink' ? `${name} -> ${linkTarget}` : `${name}/`);
  }
  return lines.sort();
}
