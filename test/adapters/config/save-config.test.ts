import assert from 'node:assert/strict';
import fs from 'node:fs';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { editConfigFile } from '../../../src/adapters/config/save-config.ts';
import { FailureType } from '../../../src/domain/failure.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tgr-save-'));
});
after(() => rm(directory, { recursive: true, force: true }));

const newPath = async (): Promise<string> =>
  join(await mkdtemp(join(directory, 'case-')), 'etc', 'config.toml');

describe('editConfigFile', () => {
  it('creates file and directory for their owner only', async () => {
    const path = await newPath();
    await editConfigFile(path, () => 'concurrent = 1\n');
    assert.equal(await readFile(path, 'utf8'), 'concurrent = 1\n');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(dirname(path))).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(dirname(path)), ['config.toml'], 'no draft left');
  });

  it('closes a file that other users could read', async () => {
    const path = await newPath();
    await mkdir(dirname(path));
    await writeFile(path, 'a = 1\n', { mode: 0o644 });
    await editConfigFile(path, (text) => `${text}b = 2\n`);
    assert.equal(await readFile(path, 'utf8'), 'a = 1\nb = 2\n');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
  });

  it('keeps the right of a group to read the file', async () => {
    const path = await newPath();
    await mkdir(dirname(path));
    await writeFile(path, 'a = 1\n');
    await chmod(path, 0o640);
    const ids = process.getuid?.() === 0 ? [12_345, 54_321] : await idsOf(path);
    await chown(path, ids[0] ?? 0, ids[1] ?? 0);
    await editConfigFile(path, () => 'a = 2\n');
    assert.equal(await readFile(path, 'utf8'), 'a = 2\n');
    assert.equal((await stat(path)).mode & 0o777, 0o640);
    assert.deepEqual(await idsOf(path), ids);
  });

  it('writes a file in place that cannot be replaced because it is a mount', async (context) => {
    const path = await newPath();
    await mkdir(dirname(path));
    await writeFile(path, 'a = "long before"\n');
    await chmod(path, 0o640);
    const { ino } = await stat(path);
    refuseToRename(context);
    await editConfigFile(path, () => 'a = 2\n');
    assert.equal(await readFile(path, 'utf8'), 'a = 2\n');
    const after = await stat(path);
    assert.deepEqual([after.ino, after.mode & 0o777], [ino, 0o640]);
    assert.deepEqual(await readdir(dirname(path)), ['config.toml'], 'no draft left');
  });

  it('follows a link to its file', async () => {
    const path = await newPath();
    await mkdir(dirname(path));
    await writeFile(`${path}.real`, 'a = 1\n');
    await symlink(`${path}.real`, path);
    await editConfigFile(path, () => 'a = 2\n');
    assert.ok((await lstat(path)).isSymbolicLink());
    assert.equal(await readFile(`${path}.real`, 'utf8'), 'a = 2\n');
  });

  it('edits again when somebody else has written meanwhile', async () => {
    const path = await newPath();
    let edits = 0;
    await editConfigFile(path, (text) => {
      edits += 1;
      if (edits === 1) fs.writeFileSync(path, 'theirs = 1\n');
      return `${text}ours = 1\n`;
    });
    assert.equal(edits, 2);
    assert.equal(await readFile(path, 'utf8'), 'theirs = 1\nours = 1\n');
  });

  it('gives up on a file that keeps changing, and does not write it', async () => {
    const path = await newPath();
    let edits = 0;
    const edit = (): string => {
      edits += 1;
      fs.writeFileSync(path, `theirs = ${edits}\n`);
      return 'ours = 1\n';
    };
    await assert.rejects(editConfigFile(path, edit), {
      type: FailureType.InvalidConfig,
      message: new RegExp(`^${path}: cannot be saved: another process keeps changing it`),
    });
    assert.equal(await readFile(path, 'utf8'), `theirs = ${edits}\n`);
  });

  it('does not change the file when the edit fails', async () => {
    const path = await newPath();
    await editConfigFile(path, () => 'a = 1\n');
    await assert.rejects(
      editConfigFile(path, () => {
        throw new Error('no such runner');
      }),
      { message: `${path}: cannot be saved: no such runner` },
    );
    assert.equal(await readFile(path, 'utf8'), 'a = 1\n');
  });
});

async function idsOf(path: string): Promise<readonly number[]> {
  const { uid, gid } = await stat(path);
  return [uid, gid];
}

/** Lets every rename fail, as it does where the new path is a mount. */
function refuseToRename(context: TestContext): void {
  const busy = Object.assign(new Error('EBUSY: resource busy or locked'), { code: 'EBUSY' });
  context.mock.method(fs.promises, 'rename', () => Promise.reject(busy));
  syncBuiltinESMExports();
  context.after(() => {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  });
}
