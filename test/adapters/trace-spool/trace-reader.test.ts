import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, it } from 'node:test';
import { copyTrace } from '../../../src/adapters/trace-spool/trace-reader.ts';
import { systemClock as clock } from '../../../src/worker/machine/program.ts';
import { readAll } from '../../support/read-all.ts';

let directory: string;
let trace: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tgr-trace-'));
  trace = join(directory, 'trace');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('copies the existing trace and ends, unless it follows', async () => {
  await writeFile(trace, 'one\n');
  const output = new PassThrough();
  assert.equal(await copyTrace({ directory, output, isFollowed: false, clock }), true);
  assert.equal(readAll(output), 'one\n');
});

it('follows a trace until its directory is removed', async () => {
  await writeFile(trace, 'one\n');
  const output = new PassThrough();
  const copied = copyTrace({ directory, output, isFollowed: true, clock });
  assert.equal(String((await once(output, 'data'))[0]), 'one\n');
  const more = once(output, 'data');
  await appendFile(trace, 'two\n');
  assert.equal(String((await more)[0]), 'two\n');
  await rm(directory, { recursive: true });
  assert.equal(await copied, true);
});

it('reports a missing trace, and follows no link', async () => {
  const reading = { directory, output: new PassThrough(), isFollowed: false, clock };
  assert.equal(await copyTrace(reading), false);
  await symlink('/etc/hostname', trace);
  await assert.rejects(copyTrace(reading), { code: 'ELOOP' });
});
