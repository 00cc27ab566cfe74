import assert from 'node:assert/strict';
import { appendFile, mkdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { TraceWriter } from '../../../src/ports/index.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import {
  ENDED,
  NO_STAMPS,
  directory,
  output,
  newSpool,
  openWriter,
  sendable,
  setUpSpools,
} from './open-writer.ts';

setUpSpools();

/** Waits until the trace ends with a text, which its writer follows in a file. */
async function arrives(writer: TraceWriter, text: string): Promise<void> {
  const tooLate = AbortSignal.timeout(5_000);
  while (!(await sendable(writer)).endsWith(text)) {
    assert.ok(!tooLate.aborted, `${text} did not arrive`);
    await sleep(10);
  }
}

describe('a trace writer', () => {
  it('appends lines of the runner, once for each key', async () => {
    const writer = await openWriter();
    await writer.appendOnce('a', 'one\n');
    await writer.appendOnce('b', 'two\n');
    await writer.appendOnce('a', 'one\n');
    await writer.appendBytesOnce('c', 'stderr', Buffer.from('three\n'));
    await writer.appendBytesOnce('c', 'stderr', Buffer.from('three\n'));
    assert.equal(await sendable(writer), 'one\ntwo\nthree\n');
  });

  it('writes no checkpoint for a key that one includes, and one for a key whose save has failed', async () => {
    const quick = join(directory, 'trace.checkpoint.quick');
    const inode = async () => (await stat(quick)).ino;
    const writer = await openWriter();
    await writer.appendOnce('a', 'one\n');
    const first = await inode();
    await writer.appendOnce('a', 'one\n');
    assert.equal(await inode(), first);
    await mkdir(`${quick}.tmp`);
    await assert.rejects(writer.appendOnce('b', 'two\n'));
    await rm(`${quick}.tmp`, { recursive: true });
    await writer.appendOnce('b', 'two\n');
    assert.equal(await sendable(await openWriter()), 'one\ntwo\n');
  });

  it('hides the values of masked variables, and tokens by their prefixes', async () => {
    const writer = await openWriter({
      job: { features: { token_mask_prefixes: ['own-'] } },
    });
    await writer.appendOnce('a', 'hunter2hunter2 glrt-abc own-abc\n');
    assert.equal(await sendable(writer), '[MASKED] glrt-[MASKED] own-[MASKED]\n');
  });

  it('hides later phrases from then on, and not in earlier output', async () => {
    const writer = await openWriter({ variables: [NO_STAMPS] });
    await writer.appendOnce('a', 'later-secret\n');
    await writer.hide(['later-secret']);
    await writer.appendOnce('b', 'later-secret\n');
    assert.equal(await sendable(writer), 'later-secret\n[MASKED]\n');
  });

  it('hides only personal tokens by their prefix when the feature flag is off', async () => {
    const flag = { key: 'FF_MASK_ALL_DEFAULT_TOKENS', value: 'false' };
    const writer = await openWriter({ variables: [NO_STAMPS, flag] });
    await writer.appendOnce('a', 'glpat-abc glrt-abc\n');
    assert.equal(await sendable(writer), 'glpat-[MASKED] glrt-abc\n');
  });

  it('stamps lines unless FF_TIMESTAMPS is off, and gives section markers lines of their own', async () => {
    const writer = await openWriter({ variables: [] });
    await writer.appendOnce('a', 'section_start:1:x\r\u001b[0Ktitle\n');
    const time = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z';
    const expected = new RegExp(
      `^${time} 00O section_start:1:x\\r\\u001b\\[0K\\n${time} 00O\\+title\\n$`,
    );
    assert.match(await sendable(writer), expected);
  });

  it('returns and counts only bytes below a checkpoint', async () => {
    const writer = await openWriter();
    await writer.appendOnce('a', '0123456789');
    assert.equal(writer.sendableBytes, 0);
    assert.deepEqual(writer.checksum(), { checksum: 'crc32:00000000', byteSize: 0 });
    assert.equal((await writer.read(0, 100)).length, 0);

    await writer.checkpoint();
    await writer.appendOnce('b', 'more');
    assert.equal(writer.sendableBytes, 10);
    assert.equal(Buffer.from(await writer.read(3, 4)).toString(), '3456');
    assert.equal(Buffer.from(await writer.read(8, 100)).toString(), '89');
    assert.equal((await writer.read(11, 100)).length, 0);
    const expected = `crc32:${crc32('0123456789').toString(16).padStart(8, '0')}`;
    assert.deepEqual(writer.checksum(), { checksum: expected, byteSize: 10 });
  });

  it('releases the bytes that masking holds back when streams end', async () => {
    const writer = await openWriter();
    await writer.appendBytesOnce('a', 'stdout', Buffer.from('hunter2'));
    assert.equal(await sendable(writer), '');
    await writer.endStreams();
    assert.equal(await sendable(writer), 'hunter2');
  });

  it('is the only one for a build in a process, until it is closed', async () => {
    const spool = newSpool();
    const context = contextOf({ job: { variables: [NO_STAMPS] } });
    const writer = await spool.open(context);
    assert.equal(await spool.open(context), writer);
    await writer.appendOnce('a', 'x');
    await spool.close(context.buildId);
    await assert.rejects(writer.appendOnce('b', 'y'), TransientError);
    assert.equal(await sendable(await spool.open(context)), 'x');
    await spool.close('build/never/opened');
  });

  it('names the path without room, and has lost nothing when there is room again', async () => {
    const writer = await openWriter();
    await writer.appendOnce('a', 'one\n');
    // A directory in the place of the next checkpoint, so that even root cannot write it.
    await mkdir(join(directory, 'trace.checkpoint.tmp'));
    await assert.rejects(
      writer.checkpoint(),
      (error) => error instanceof TransientError && error.message.includes(directory),
    );
    assert.equal(writer.sendableBytes, 0);
    await rm(join(directory, 'trace.checkpoint.tmp'), { recursive: true });
    assert.equal(await sendable(writer), 'one\n');
  });
});

describe('a followed file', () => {
  it('is copied while it grows, and its rest at the end', async () => {
    const writer = await openWriter();
    const end = new AbortController();
    const following = writer.followFile('build', output, end.signal);
    for (const line of ['one\n', 'two\n']) {
      await appendFile(output, line);
      await arrives(writer, line);
    }
    await appendFile(output, 'three');
    end.abort();
    await following;
    assert.equal(await sendable(writer), 'one\ntwo\nthree');
  });

  it('continues in the next stage where it stopped, beside lines of the runner', async () => {
    const writer = await openWriter();
    await appendFile(output, 'one\n');
    await writer.followFile('build', output, ENDED);
    await writer.appendOnce('between', 'between\n');
    await appendFile(output, 'two\n');
    await writer.followFile('build', output, ENDED);
    const other = join(directory, 'other');
    await writeFile(other, 'helper\n');
    await writer.followFile('helper', other, ENDED);
    assert.equal(await sendable(writer), 'one\nbetween\ntwo\nhelper\n');
  });

  it('is copied once when two callers follow it at the same time', async () => {
    const writer = await openWriter();
    const content = Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join('');
    await writeFile(output, content);
    await Promise.all([
      writer.followFile('build', output, ENDED),
      writer.followFile('build', output, ENDED),
      writer.checkpoint(),
    ]);
    assert.equal(await sendable(writer), content);
  });

  it('is copied from its beginning again when the job truncates it', async () => {
    const writer = await openWriter();
    const end = new AbortController();
    await writeFile(output, 'a long line before the cut\n');
    await writer.followFile('build', output, ENDED);
    const following = writer.followFile('build', output, end.signal);
    await truncate(output);
    await appendFile(output, 'after\n');
    await arrives(writer, 'after\n');
    end.abort();
    await following;
    assert.equal(await sendable(writer), 'a long line before the cut\nafter\n');
  });

  it('has a secret masked that is written in two parts, with a line of the runner between them', async () => {
    const writer = await openWriter();
    await appendFile(output, 'a hunter2');
    await writer.followFile('build', output, ENDED);
    await writer.appendOnce('line', 'line\n');
    await appendFile(output, 'hunter2 b\n');
    await writer.followFile('build', output, ENDED);
    assert.equal(await sendable(writer), 'a line\n[MASKED] b\n');
  });

  /** The file takes no room. It is not empty, because that means that nothing was ever written. */
  const assertFreed = async (): Promise<void> => {
    const { size, blocks } = await stat(output);
    assert.deepEqual([size, blocks], [1, 0]);
  };

  it('is dropped above the limit of the trace, and does not fill the disk', async () => {
    const writer = await openWriter({ runner: { outputLimitBytes: 1_000 } });
    await writeFile(output, Buffer.alloc(9 * 1024 * 1024, 'x'));
    await writer.followFile('build', output, ENDED);
    await assertFreed();
    await appendFile(output, 'later');
    await writer.followFile('build', output, ENDED);
    const trace = await sendable(writer);
    assert.match(trace, /^x{1000}\n\u001b\[33;1mJob's log exceeded limit of 1000 bytes\./);
    assert.doesNotMatch(trace, /later/);
  });

  it('with a hole of a terabyte costs no more than the limit of the trace', async () => {
    const writer = await openWriter({ runner: { outputLimitBytes: 100_000 } });
    await truncate(output, 2 ** 40);
    await writer.followFile('build', output, ENDED);
    assert.ok((await sendable(writer)).length < 101_000);
    await assertFreed();
  });

  it('is dropped when it is abandoned, and later output follows', async () => {
    const writer = await openWriter();
    await writeFile(output, 'first\n');
    await writer.abandonFile('build', output);
    await assertFreed();
    await appendFile(output, 'second\n');
    await writer.followFile('build', output, ENDED);
    assert.equal(await sendable(writer), 'second\n');
  });

  it('is refused when it is a link or not a regular file', async () => {
    const writer = await openWriter();
    const link = join(directory, 'link');
    await symlink('/etc/passwd', link);
    await assert.rejects(writer.followFile('build', link, ENDED), /cannot open .*link: ELOOP/);
    await assert.rejects(writer.followFile('helper', directory, ENDED), /EISDIR/);
    await assert.rejects(writer.followFile('helper', '/dev/null', ENDED), /not a regular file/);
    assert.equal(await sendable(writer), '');
  });
});
