import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { unpackProgram } from '../../../src/adapters/temporal/cli-archive.ts';

const never = new AbortController().signal;
const program = randomBytes(200_000);

describe('archive of the temporal program', () => {
  let directory: string;
  let path: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'cli-archive-'));
    path = join(directory, 'temporal');
  });
  after(() => rm(directory, { recursive: true }));

  it('yields only the program, as an executable file', async () => {
    const archive = await archiveOf({ LICENSE: Buffer.from('MIT'), temporal: program });
    await unpackProgram(Readable.from([archive]), path, never);
    assert.deepEqual(await readdir(directory), ['temporal']);
    assert.deepEqual(await readFile(path), program);
    assert.equal((await stat(path)).mode & 0o111, 0o111);
  });

  it('replaces an older program only when the new one is complete', async () => {
    await writeFile(path, 'older');
    const whole = await archiveOf({ temporal: program });
    const half = whole.subarray(0, whole.byteLength / 2);
    await assert.rejects(unpackProgram(Readable.from([half]), path, never));
    assert.equal(await readFile(path, 'utf8'), 'older');
    assert.deepEqual(await readdir(directory), ['temporal']);
  });

  const broken: [content: Promise<Buffer>, message: RegExp, why: string][] = [
    [archiveOf({ LICENSE: Buffer.from('MIT') }), /no program "temporal"/, 'another archive'],
    [Promise.resolve(Buffer.from('<html>')), /incorrect header check/, 'a page of a proxy'],
    [Promise.resolve(Buffer.alloc(0)), /./, 'a connection that was cut at once'],
  ];
  for (const [content, message, why] of broken) {
    it(`is refused when it is ${why}`, async () => {
      await assert.rejects(unpackProgram(Readable.from([await content]), path, never), message);
    });
  }

  it('is given up when the time for the download is over', async () => {
    const controller = new AbortController();
    const hanging = new Readable({ read: () => undefined });
    const unpacking = unpackProgram(hanging, path, controller.signal);
    controller.abort();
    await assert.rejects(unpacking, { name: 'AbortError' });
  });
});

async function archiveOf(files: Readonly<Record<string, Buffer>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content);
  archive.finalize();
  return gzipSync(await buffer(archive));
}
