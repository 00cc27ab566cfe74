import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readSystemId } from '../../../src/adapters/state/system-id.ts';
import { recordingLog } from '../../support/recording-log.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tgr-system-id-'));
});
after(() => rm(directory, { recursive: true, force: true }));

async function setUp(machineId?: string) {
  const configPath = join(await mkdtemp(join(directory, 'case-')), 'etc', 'config.toml');
  const machineIdFile = join(dirname(dirname(configPath)), 'machine-id');
  if (machineId !== undefined) await writeFile(machineIdFile, machineId);
  const file = join(dirname(configPath), '.runner_system_id');
  const machineIdFiles = ['/nonexistent/machine-id', machineIdFile];
  return { file, ...recordingLog(), configPath, machineIdFiles };
}

describe('readSystemId', () => {
  it('is the id that gitlab-runner derives from the machine id, kept beside the config', async () => {
    const { file, ...options } = await setUp('0123456789abcdef\n');
    const systemId = await readSystemId(options);
    const digest = createHmac('sha256', '0123456789abcdef').update('gitlab-runner').digest('hex');
    assert.equal(systemId, `s_${digest.slice(0, 12)}`);
    assert.equal(await readFile(file, 'utf8'), systemId);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  it('is random when the machine has no id, and stays the same at the next start', async () => {
    const options = await setUp();
    const systemId = await readSystemId(options);
    assert.match(systemId, /^r_[0-9a-zA-Z]{12}$/);
    assert.equal(await readSystemId(options), systemId);
    assert.notEqual(await readSystemId(await setUp()), systemId);
  });

  it('is the one in the file, whoever wrote it', async () => {
    const { file, ...options } = await setUp('0123456789abcdef');
    await mkdir(dirname(file));
    await writeFile(file, 'r_AbCdEfGhIj12\n');
    assert.equal(await readSystemId(options), 'r_AbCdEfGhIj12');
  });

  for (const invalid of ['', 's_short', 'x_AbCdEfGhIj12', 's_AbCdEfGhIj12 and more']) {
    it(`is created again when the file contains ${JSON.stringify(invalid)}`, async () => {
      const { file, ...options } = await setUp('0123456789abcdef');
      await mkdir(dirname(file));
      await writeFile(file, invalid);
      const systemId = await readSystemId(options);
      assert.match(systemId, /^s_[0-9a-f]{12}$/);
      assert.equal(await readFile(file, 'utf8'), systemId);
    });
  }

  it('is valid for this process when it cannot be written, and the log tells that', async () => {
    const { file, warnings, ...options } = await setUp('0123456789abcdef');
    await writeFile(dirname(file), 'a file where the directory should be');
    assert.match(await readSystemId(options), /^s_/);
    assert.match(warnings[0]?.message ?? '', /^system ID not saved/);
  });
});
