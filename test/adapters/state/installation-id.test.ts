import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { readInstallationId } from '../../../src/adapters/state/installation-id.ts';

describe('the name of an installation', () => {
  let directory: string;
  let file: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-installation-'));
    file = join(directory, 'installation');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is created once and kept', async () => {
    const id = await readInstallationId(file, 'build-host');
    assert.match(id, /^build-host-[0-9a-f]{6}$/);
    assert.equal(await readInstallationId(file, 'renamed-host'), id);
    assert.equal(await readFile(file, 'utf8'), `${id}\n`);
  });

  it('differs between two directories of one host', async () => {
    const other = await readInstallationId(join(directory, 'other'), 'host');
    assert.notEqual(await readInstallationId(file, 'host'), other);
  });

  const hosts: readonly [host: string, pattern: RegExp, why: string][] = [
    ['Node.Example.COM', /^node-example-com-[0-9a-f]{6}$/, 'it stands in ids and names of queues'],
    ['', /^node-[0-9a-f]{6}$/, 'a host without a name'],
    ['--', /^node-[0-9a-f]{6}$/, 'nothing of it can be used'],
    ['x'.repeat(300), /^x{40}-[0-9a-f]{6}$/, 'ids have limits'],
  ];
  for (const [host, pattern, why] of hosts) {
    it(`of host ${JSON.stringify(host.slice(0, 20))} matches ${pattern}: ${why}`, async () => {
      assert.match(await readInstallationId(file, host), pattern);
    });
  }

  it('is created again when the file contains anything else', async () => {
    await writeFile(file, 'half a na');
    assert.match(await readInstallationId(file, 'host'), /^host-[0-9a-f]{6}$/);
  });
});
