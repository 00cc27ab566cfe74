import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openInstallation, type Installation } from './support.ts';

const ring = (id: string): string =>
  `${JSON.stringify({ keys: [{ id, key: Buffer.alloc(32, id).toString('base64') }] })}\n`;

describe('keys', () => {
  let installation: Installation;
  let file: string;
  beforeEach(async () => {
    installation = await openInstallation(() => '');
    file = join(dirname(installation.configPath), 'temporal-gitlab-runner/keys/payload.json');
  });
  afterEach(() => installation.close());

  it('are passed from one node to another by standard output and input, readable by their owner only', async () => {
    const imported = await installation.run(['keys', 'import'], ring('one'));
    assert.equal(imported.exitCode, 0, imported.stderr);
    assert.equal(await readFile(file, 'utf8'), ring('one'));
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.equal((await stat(dirname(file))).mode & 0o777, 0o700);
    const exported = await installation.run(['keys', 'export']);
    assert.equal(exported.stdout, ring('one'));
    const again = await installation.run(['keys', 'import'], exported.stdout);
    assert.match(again.stderr, /Keys were there already/);
    for (const { stderr } of [imported, exported, again]) {
      assert.ok(!stderr.includes(Buffer.alloc(32, 'one').toString('base64')), 'no key in the log');
    }
  });

  it('of a node that has others are not replaced, because its data would be lost', async () => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, ring('own'), { mode: 0o600 });
    const { exitCode, stderr } = await installation.run(['keys', 'import'], ring('one'));
    assert.equal(exitCode, 1);
    assert.match(stderr, /has keys of its own/);
    assert.equal(await readFile(file, 'utf8'), ring('own'));
  });

  const wrong: [input: string, why: string][] = [
    ['', 'nothing came'],
    ['{"keys": [{"id": "a", "key": "c2hvcnQ="}]}', 'a key that is too short'],
    ['no ring', 'another text'],
  ];
  for (const [input, why] of wrong) {
    it(`are not imported from ${JSON.stringify(input)}: ${why}`, async () => {
      const { exitCode, stderr } = await installation.run(['keys', 'import'], input);
      assert.equal(exitCode, 1);
      assert.match(stderr, /standard input/);
      await assert.rejects(stat(file), { code: 'ENOENT' });
    });
  }

  it('that do not exist are not exported, and none are created', async () => {
    const { exitCode, stdout, stderr } = await installation.run(['keys', 'export']);
    assert.equal(exitCode, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /payload\.json does not exist: start the node once/);
  });
});
