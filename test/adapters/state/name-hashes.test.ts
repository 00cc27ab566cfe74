import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openKeyRing } from '../../../src/adapters/state/cipher.ts';

describe('hashes of names', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-names-'));
  });
  after(() => rm(directory, { recursive: true }));

  const openRing = async (...fillings: readonly number[]) => {
    const path = join(directory, 'payload.json');
    const keys = fillings.map((filling) => ({
      id: `key-${filling}`,
      key: Buffer.alloc(32, filling).toString('base64'),
    }));
    await writeFile(path, JSON.stringify({ keys }));
    return (await openKeyRing(path)).nameHashes;
  };

  it('are the same for equal names, on every node with these keys, in every version', async () => {
    const hashes = (await openRing(1))('group/app');
    assert.deepEqual(hashes, ['h-aef3e6659c90e2cbb397d5cf']);
    assert.deepEqual((await openRing(1))('group/app'), hashes);
  });

  it('differ for other names and by other keys', async () => {
    const [one] = (await openRing(1))('group/app');
    assert.notEqual((await openRing(1))('group/App')[0], one);
    assert.notEqual((await openRing(2))('group/app')[0], one);
  });

  it('exist for the previous keys too, after the one of the current key', async () => {
    const [one] = (await openRing(1))('group/app');
    const [two] = (await openRing(2))('group/app');
    assert.deepEqual((await openRing(2, 1))('group/app'), [two, one]);
  });
});
