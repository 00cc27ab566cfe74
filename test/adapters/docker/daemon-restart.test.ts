import assert from 'node:assert/strict';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { ContainerEngine } from '../../../src/ports/index.ts';
import {
  copyImage,
  openSecondDaemon,
  whyNoSecondDaemon,
  type SecondDaemon,
} from '../../support/docker/second-daemon.ts';
import { created, JOB_IMAGE, openEngine, silentLog } from './support.ts';

const never = new AbortController().signal;

/**
 * Waits until a container has written the text into a file of the host. The file is watched before
 * it is read, so that no change is missed.
 */
async function whenWritten(path: string, text: string): Promise<void> {
  const watcher = watch(path);
  try {
    for (;;) {
      const changed = once(watcher, 'change');
      if ((await readFile(path, 'utf8')).includes(text)) return;
      await changed;
    }
  } finally {
    watcher.close();
  }
}

/** A file of the host that the container writes into, as a stage's output is. */
async function outputFile(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'output');
  await writeFile(path, '');
  return path;
}

const why = whyNoSecondDaemon();
describe('a daemon that is restarted', { skip: why ?? false }, () => {
  let daemon: SecondDaemon;
  let engine: ContainerEngine;
  let whenLost: Promise<void>;

  function engineOf({ host }: SecondDaemon): ContainerEngine {
    let lost = (): void => undefined;
    whenLost = new Promise((resolve) => (lost = resolve));
    return openEngine({
      docker: { host, tlsCertPath: undefined, tlsVerify: false },
      log: { ...silentLog, warn: () => lost() },
      timing: { callLimitMs: 500, reconnectDelayMs: () => 50 },
    });
  }

  before(async () => {
    daemon = await openSecondDaemon();
    await daemon.start({ liveRestore: true });
    await copyImage(JOB_IMAGE, daemon.host);
  });
  after(() => daemon.close());

  /** A container that prints a line at once and another one on request, and ends with 7. */
  async function startWriter(t: TestContext): Promise<{ id: string; output: string }> {
    engine = engineOf(daemon);
    const output = await outputFile(t);
    const script =
      'echo begun >>/output; while ! grep -q go /output; do sleep 0.05; done; echo ended >>/output; exit 7';
    const id = await created(t, engine, {
      networkMode: 'none',
      command: ['sh', '-c', script],
      fileMounts: [{ source: output, target: '/output', readOnly: false }],
    });
    await engine.startContainer(id);
    return { id, output };
  }

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`by ${signal} with live-restore does not affect containers, and the wait reports their exit`, async (t) => {
      const { id, output } = await startWriter(t);
      const startedAt = (await engine.inspectContainer(id))?.startedAt;
      const exit = engine.waitForExit(id, never);
      await daemon.stop(signal);
      await whenLost;
      await daemon.start({ liveRestore: true });
      assert.equal((await engine.inspectContainer(id))?.startedAt, startedAt);
      await writeFile(output, 'go\n', { flag: 'a' });
      const status = await exit;
      assert.deepEqual([status.state, status.exitCode], ['exited', 7]);
      assert.equal(await readFile(output, 'utf8'), 'begun\ngo\nended\n');
    });

    it(`by ${signal} reports containers that ended meanwhile`, async (t) => {
      const { id, output } = await startWriter(t);
      const exit = engine.waitForExit(id, never);
      await daemon.stop(signal);
      await whenLost;
      await writeFile(output, 'go\n', { flag: 'a' });
      await whenWritten(output, 'ended');
      await daemon.start({ liveRestore: true });
      const status = await exit;
      assert.equal(status.state, 'exited');
      // Docker may not know the exit code, which is why a stage writes its own to a file.
      assert.ok([7, 255].includes(status.exitCode), `${status.exitCode}`);
    });
  }

  it('without live-restore ends containers, and the wait reports it', async (t) => {
    await daemon.stop('SIGTERM');
    await daemon.start({ liveRestore: false });
    const { id, output } = await startWriter(t);
    const exit = engine.waitForExit(id, never);
    await daemon.stop('SIGTERM');
    await whenLost;
    await daemon.start({ liveRestore: true });
    const { state, exitCode } = await exit;
    assert.deepEqual([state, exitCode], ['exited', 137]);
    assert.equal(await readFile(output, 'utf8'), 'begun\n');
  });

  it('during the stop of a container leaves it stopped', async (t) => {
    const { id } = await startWriter(t);
    await daemon.stop('SIGKILL');
    await assert.rejects(engine.stopContainer(id, 'kill'), { name: 'TransientError' });
    await daemon.start({ liveRestore: true });
    await engine.stopContainer(id, 'kill');
    assert.equal((await engine.inspectContainer(id))?.state, 'exited');
  });
});

describe('a daemon that hangs', { skip: why ?? false }, () => {
  let daemon: SecondDaemon;
  before(async () => {
    daemon = await openSecondDaemon();
    await daemon.start({ liveRestore: true });
    await copyImage(JOB_IMAGE, daemon.host);
  });
  after(() => daemon.close());

  it('fails calls in time, and the wait continues when the daemon runs again', async (t) => {
    let lost = (): void => undefined;
    const whenLost = new Promise<void>((resolve) => (lost = resolve));
    const docker = { host: daemon.host, tlsCertPath: undefined, tlsVerify: false };
    // For calls that must succeed: the daemon of a loaded machine may need more than 0.3 s for them.
    const engine = openEngine({ docker, log: silentLog });
    const impatient = openEngine({
      docker,
      log: { ...silentLog, warn: () => lost() },
      timing: { callLimitMs: 300, waitCallMs: 300, reconnectDelayMs: () => 50 },
    });
    t.after(() => daemon.thaw()); // This runs before the container is removed, whatever happens.
    const id = await created(t, engine, { networkMode: 'none', command: ['sleep', '60'] });
    await engine.startContainer(id);
    const exit = impatient.waitForExit(id, never);
    await daemon.freeze();
    await assert.rejects(impatient.inspectContainer(id), {
      name: 'TransientError',
      message: /did not answer within 0\.3 s/,
    });
    await whenLost;
    daemon.thaw();
    await engine.stopContainer(id, 'kill');
    assert.equal((await exit).exitCode, 137);
  });
});
