import assert from 'node:assert/strict';
import { appendFile, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import {
  ENDED,
  directory,
  output,
  errors,
  openWriter,
  sendable,
  setUpSpools,
} from './open-writer.ts';

setUpSpools();

describe('a trace after a crash', () => {
  it('has every byte once, whenever the crash happens', async () => {
    const lines = Array.from({ length: 12 }, (_, i) => `line ${i} hunter2hunter2 é\n`);
    const bytes = Buffer.from(lines.join(''));
    const step = 7;
    let seen = '';
    for (let at = 0; at < bytes.length; at += step) {
      // Each step is a new process. Only what the one before has written is left.
      const writer = await openWriter();
      await writer.appendOnce('header', 'header\n');
      await writer.followFile('build', output, ENDED);
      if (at % 3 === 0) seen = await sendable(writer);
      await appendFile(output, bytes.subarray(at, at + step));
      if (at % 2 === 0) await writer.followFile('build', output, ENDED);
      if (at % 5 === 0) await writer.checkpoint();
    }
    const writer = await openWriter();
    await writer.appendOnce('header', 'header\n');
    await writer.followFile('build', output, ENDED);
    await writer.endStreams();
    const trace = await sendable(writer);
    assert.equal(trace, `header\n${bytes.toString().replaceAll('hunter2hunter2', '[MASKED]')}`);
    assert.ok(trace.startsWith(seen), 'what could be sent before stands');
    assert.equal(writer.checksum().checksum, `crc32:${crc32(trace).toString(16).padStart(8, '0')}`);
  });

  it('has the bytes that masking held back once, when the crash happens right after the end of the streams', async () => {
    await writeFile(output, 'half a secret: hunter2');
    const before = await openWriter();
    await before.appendOnce('a', 'one\n');
    await before.followFile('build', output, ENDED);
    await before.endStreams();
    const writer = await openWriter();
    await writer.followFile('build', output, ENDED);
    await writer.endStreams();
    await writer.appendOnce('b', 'two\n');
    assert.equal(await sendable(await openWriter()), 'one\nhalf a secret: hunter2two\n');
  });

  it('still has a line of the runner without a checkpoint', async () => {
    await (await openWriter()).appendOnce('header', 'header\n');
    assert.equal(await sendable(await openWriter()), 'header\n');
  });

  it('has a line of the runner that was appended while a checkpoint was saved', async () => {
    const lines = Array.from({ length: 20 }, (_, index) => `line ${index}\n`);
    for (const line of lines) {
      const before = await openWriter();
      await before.appendOnce(`before ${line}`, '-');
      const saved = before.checkpoint();
      // Until now the checkpoint has read the state, and waits for the disk.
      await setImmediate();
      await before.appendOnce(line, line);
      await saved;
    }
    assert.equal(await sendable(await openWriter()), lines.map((line) => `-${line}`).join(''));
  });

  it('has lost nothing sendable when a power cut removes the rest', async () => {
    const before = await openWriter();
    await before.appendOnce('a', 'one\n');
    await before.checkpoint();
    before.ackedBytes = 4;
    await before.checkpoint();
    await before.appendOnce('b', 'two\n');
    await truncate(join(directory, 'trace'), 6);
    const writer = await openWriter();
    assert.equal(writer.sendableBytes, 4);
    await writer.appendOnce('b', 'two\n');
    assert.equal(await sendable(writer), 'one\ntwo\n');
    assert.deepEqual(errors, []);
  });

  it('has lost nothing sendable by a crash after that power cut', async () => {
    const before = await openWriter();
    await before.appendOnce('a', '1\n');
    await before.checkpoint();
    await writeFile(output, 'copied\n');
    await before.followFile('build', output, ENDED);
    // Each repetition saves a checkpoint that only a crash survives.
    for (let i = 0; i < 4; i++) await before.appendOnce('a', '1\n');
    await truncate(join(directory, 'trace'), 2);
    const between = await openWriter();
    await between.followFile('build', output, ENDED);
    await writeFile(output, 'copied\nand more\n');
    await between.followFile('build', output, ENDED);
    assert.equal(await sendable(between), '1\ncopied\nand more\n');
    assert.equal((await openWriter()).sendableBytes, between.sendableBytes);
  });

  it('knows how much the coordinator had at the last checkpoint', async () => {
    const before = await openWriter();
    await before.appendOnce('a', 'one\n');
    await before.checkpoint();
    before.ackedBytes = 4;
    await before.appendOnce('b', 'two\n');
    await before.checkpoint();
    before.ackedBytes = 8;
    assert.equal((await openWriter()).ackedBytes, 4);
  });

  it('does not show bytes above the last checkpoint', async () => {
    const before = await openWriter();
    await before.appendOnce('a', 'one\n');
    await before.checkpoint();
    await appendFile(join(directory, 'trace'), 'half of a li');
    const writer = await openWriter();
    await writer.appendOnce('b', 'two\n');
    assert.equal(await sendable(writer), 'one\ntwo\n');
    assert.equal(await readFile(join(directory, 'trace'), 'utf8'), 'one\ntwo\n');
  });

  it('remembers that its limit was exceeded, although the job’s file was emptied', async () => {
    const changes = { runner: { outputLimitBytes: 10 } };
    await writeFile(output, Buffer.alloc(9 * 1024 * 1024, 'x'));
    await (await openWriter(changes)).followFile('build', output, ENDED);
    const writer = await openWriter(changes);
    await appendFile(output, 'later');
    await writer.followFile('build', output, ENDED);
    const trace = await sendable(writer);
    assert.match(trace, /^x{10}\n.*exceeded limit of 10 bytes.*\n.*collected\.\u001b\[0;m\n$/);
  });
});

describe('a followed file after a power cut', () => {
  for (const source of ['build', 'service/0']) {
    it(`is not copied again when its end is lost, and continues after it (${source})`, async () => {
      await writeFile(output, 'one\ntwo\n');
      const before = await openWriter({ boot: 'boot-1' });
      await before.followFile(source, output, ENDED);
      await before.appendOnce('a', 'line\n');
      const trace = await sendable(before);
      await truncate(output, 6);
      const writer = await openWriter({ boot: 'boot-2' });
      await writer.followFile(source, output, ENDED);
      assert.equal(await sendable(writer), trace);
      await appendFile(output, 'three\n');
      await writer.followFile(source, output, ENDED);
      assert.equal(await sendable(writer), `${trace}three\n`);
    });
  }

  it('is copied again when the job itself has truncated it', async () => {
    await writeFile(output, 'a long line\n');
    const before = await openWriter({ boot: 'boot-1' });
    await before.followFile('build', output, ENDED);
    await before.checkpoint();
    await writeFile(output, 'new\n');
    const writer = await openWriter({ boot: 'boot-1' });
    await writer.followFile('build', output, ENDED);
    assert.equal(await sendable(writer), 'a long line\nnew\n');
  });

  it('is left alone when it is gone', async () => {
    await writeFile(output, 'one\n');
    const before = await openWriter({ boot: 'boot-1' });
    await before.followFile('build', output, ENDED);
    await before.checkpoint();
    await rm(output);
    assert.equal(await sendable(await openWriter({ boot: 'boot-2' })), 'one\n');
  });
});

const DAMAGES: readonly (readonly [
  name: string,
  damage: () => Promise<void>,
  expected: RegExp,
  why: string,
])[] = [
  [
    'the end of the trace',
    () => truncate(join(directory, 'trace'), 6),
    /^one\n\?{4}[^\n]*WARNING: up to 4 bytes of this log were lost/,
    'what is known to be right stays',
  ],
  [
    'an end that is garbage',
    () => garble(6),
    /^one\n\?{4}[^\n]*WARNING: up to 4 bytes of this log were lost/,
    'as long as it was, and not what was written',
  ],
  [
    'garbage in the middle',
    () => garble(1),
    /^\?{8}[^\n]*WARNING: up to 8 bytes of this log were lost/,
    'what follows cannot be told from it',
  ],
  [
    'any of it',
    () => rm(join(directory, 'trace')),
    /^\?{8}[^\n]*WARNING: up to 8 bytes of this log were lost/,
    'it is gone',
  ],
  [
    'the checkpoints',
    async () => {
      await writeFile(join(directory, 'trace.checkpoint'), '{"vers');
      await rm(join(directory, 'trace.checkpoint.quick'));
    },
    /^.*WARNING: up to 8 bytes of this log were lost/,
    'then nothing tells where to go on',
  ],
];

async function garble(position: number): Promise<void> {
  const file = await open(join(directory, 'trace'), 'r+');
  await file.write('\0', position);
  await file.close();
}

describe('a trace that the disk damaged', () => {
  for (const [name, damage, expected, why] of DAMAGES) {
    it(`reports it, and continues without ${name}: ${why}`, async () => {
      const before = await openWriter();
      await before.appendOnce('a', 'one\n');
      await before.checkpoint();
      await before.appendOnce('b', 'two\n');
      await before.checkpoint();
      await damage();
      const writer = await openWriter();
      const trace = await sendable(writer);
      assert.match(trace, expected);
      assert.equal(errors.length, 1);
      await writer.appendOnce('c', 'three\n');
      assert.equal(await sendable(await openWriter()), `${trace}three\n`);
      assert.equal(errors.length, 1, 'it is not told again');
    });
  }

  it('keeps its place and is complete in the coordinator, which has the lost bytes', async () => {
    const before = await openWriter();
    await before.appendOnce('a', 'one\ntwo\n');
    await before.checkpoint();
    before.ackedBytes = 8;
    await before.appendOnce('b', 'three\n');
    await before.checkpoint();
    before.ackedBytes = 14;
    await truncate(join(directory, 'trace'), 2);
    const writer = await openWriter();
    await writer.appendOnce('c', 'four\n');
    await writer.checkpoint();
    const rest = Buffer.from(await writer.read(14, 1000)).toString();
    assert.match(rest, /^[^\n]*WARNING: up to 6 bytes [^\n]*\nfour\n$/);
    const sum = crc32(`one\ntwo\nthree\n${rest}`).toString(16).padStart(8, '0');
    assert.equal(writer.checksum().checksum, `crc32:${sum}`);
    const next = await openWriter();
    assert.equal(next.checksum().checksum, `crc32:${sum}`, 'also in the next process');
    assert.equal(errors.length, 1);
  });

  for (const [what, ackedBytes, isTold] of [
    ['all of it was sent', 8, false],
    ['half of it was sent', 4, true],
  ] as const) {
    it(`keeps its place when it is truncated while its writer lives, and ${what}`, async () => {
      const writer = await openWriter();
      await writer.appendOnce('a', 'one\ntwo\n');
      await writer.checkpoint();
      writer.ackedBytes = ackedBytes;
      await truncate(join(directory, 'trace'), 2);
      assert.equal(Buffer.from(await writer.read(0, 100)).toString(), 'on??????');
      await writer.appendOnce('b', 'three\n');
      const trace = await sendable(writer);
      const line = isTold ? '[^\\n]*WARNING: up to 4 bytes of this log were lost[^\\n]*\\n' : '';
      assert.match(trace, new RegExp(`^on\\?{6}${line}three\\n$`));
      const sum = crc32(`one\ntwo\n${trace.slice(8)}`)
        .toString(16)
        .padStart(8, '0');
      assert.equal(writer.checksum().checksum, `crc32:${sum}`);
      assert.equal(errors.length, 1);
      assert.equal(await sendable(await openWriter()), trace);
      assert.equal(errors.length, 1, 'it is not told again');
    });
  }

  it('can be damaged once more, and keeps its place', async () => {
    await (await openWriter()).appendOnce('a', 'one\n');
    for (const _ of ['first', 'second']) {
      await (await openWriter()).checkpoint();
      await truncate(join(directory, 'trace'), 0);
    }
    const trace = await sendable(await openWriter());
    assert.match(trace, /^\?{4}\?*[^\n]*WARNING: up to \d+ bytes [^\n]*\n$/);
    assert.equal(errors.length, 2);
  });
});
