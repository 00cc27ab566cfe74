import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { openKeyRing } from '../../../src/adapters/state/cipher.ts';
import { loadCipher } from '../../support/cipher.ts';

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tgr-cipher-'));
});
after(() => rm(directory, { recursive: true, force: true }));

const newPath = async (): Promise<string> =>
  join(await mkdtemp(join(directory, 'case-')), 'keys', 'payload.json');
const base64Key = (byte: number, bytes = 32): string =>
  Buffer.alloc(bytes, byte).toString('base64');
const ringOf = (...keys: readonly { id: string; key: string }[]): string =>
  JSON.stringify({ keys });

describe('openKeyRing', () => {
  it('makes a key when there is none, and writes it only when told to', async () => {
    const path = await newPath();
    const { cipher, isFresh, keep } = await openKeyRing(path);
    assert.equal(isFresh, true);
    await assert.rejects(readFile(path), { code: 'ENOENT' });
    await keep();
    const again = await openKeyRing(path);
    assert.equal(again.isFresh, false);
    assert.equal(again.cipher.keyId, cipher.keyId);
    const written = await readFile(path, 'utf8');
    await again.keep();
    assert.equal(await readFile(path, 'utf8'), written, 'what was there is left alone');
  });

  it('knows the keys of the ring, and no others', async () => {
    const { cipher } = await openKeyRing(await newPath());
    assert.deepEqual([cipher.knows(cipher.keyId), cipher.knows('another')], [true, false]);
  });

  it('makes a key ring that nobody else can read, and finds it again', async () => {
    const path = await newPath();
    const first = await loadCipher(path);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(path, '..'))).mode & 0o777, 0o700);
    const sealed = first.encrypt(Buffer.from('payload'));
    const second = await loadCipher(path);
    assert.equal(second.keyId, first.keyId);
    assert.equal(Buffer.from(second.decrypt(sealed, first.keyId)).toString(), 'payload');
  });

  it('makes another key on another node', async () => {
    const [one, two] = await Promise.all([newPath(), newPath()]);
    await Promise.all([loadCipher(one), loadCipher(two)]);
    assert.notEqual(await readFile(one, 'utf8'), await readFile(two, 'utf8'));
  });

  it('encrypts with the first key and decrypts with all keys, so that keys can be rotated', async () => {
    const path = join(await mkdtemp(join(directory, 'case-')), 'payload.json');
    await writeFile(path, ringOf({ id: 'old', key: base64Key(1) }));
    const sealed = (await loadCipher(path)).encrypt(Buffer.from('payload'));
    await writeFile(
      path,
      ringOf({ id: 'new', key: base64Key(2) }, { id: 'old', key: base64Key(1) }),
    );
    const rotated = await loadCipher(path);
    assert.equal(rotated.keyId, 'new');
    assert.equal(Buffer.from(rotated.decrypt(sealed, 'old')).toString(), 'payload');
  });

  it('names the key that is missing and where it belongs', async () => {
    const path = await newPath();
    const cipher = await loadCipher(path);
    assert.throws(() => cipher.decrypt(cipher.encrypt(Buffer.from('x')), 'gone'), {
      message: `encrypted with key "gone", which is not in ${path}: add it to "keys"`,
    });
  });

  const broken: readonly [text: string, complaint: RegExp, why: string][] = [
    ['{"keys": canary', /is not a key ring/, 'not JSON'],
    ['{"keys": []}', /is not a key ring/, 'no key'],
    ['{"keys": [{"id": "a", "key": "canary!"}]}', /is not a key ring/, 'not base64'],
    [
      ringOf({ id: 'a', key: base64Key(7, 16) }),
      /key "a" .* has 16 bytes/,
      'too short for AES-256',
    ],
    [
      ringOf({ id: 'a', key: base64Key(1) }, { id: 'a', key: base64Key(2) }),
      /two keys in .* have the same id/,
      'an id that means two keys',
    ],
  ];
  for (const [text, complaint, why] of broken) {
    it(`refuses a key ring without quoting it: ${why}`, async () => {
      const path = join(await mkdtemp(join(directory, 'case-')), 'payload.json');
      await writeFile(path, text);
      await assert.rejects(loadCipher(path), (error: Error) => {
        assert.match(error.message, complaint);
        assert.ok(error.message.includes(path));
        assert.ok(!error.message.includes('canary') && !error.message.includes(base64Key(7, 16)));
        return true;
      });
      assert.equal(await readFile(path, 'utf8'), text, 'the file is left as it is');
    });
  }
});

describe('a cipher', () => {
  it('restores its input, and never produces the same bytes twice', async () => {
    const cipher = await loadCipher(await newPath());
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (plain) => {
        const [one, two] = [cipher.encrypt(plain), cipher.encrypt(plain)];
        assert.notDeepEqual(one, two);
        assert.deepEqual(new Uint8Array(cipher.decrypt(one, cipher.keyId)), plain);
      }),
    );
  });

  it('refuses bytes of which any was changed, added or removed', async () => {
    const cipher = await loadCipher(await newPath());
    const sealed = Buffer.from(cipher.encrypt(Buffer.from('payload')));
    const complaint = {
      message: /does not open with key "key-[0-9a-f]{8}" of \S+: the bytes or the key/,
    };
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(sealed.readUInt8(at) ^ 1, at);
      assert.throws(() => cipher.decrypt(changed, cipher.keyId), complaint, `byte ${at}`);
      assert.throws(
        () => cipher.decrypt(sealed.subarray(0, at), cipher.keyId),
        complaint,
        `cut ${at}`,
      );
    }
    const empty = cipher.encrypt(new Uint8Array());
    const weak = empty.subarray(0, empty.length - 4); // GCM would accept twelve bytes of tag
    assert.throws(() => cipher.decrypt(weak, cipher.keyId), complaint);
    const longer = Buffer.concat([sealed, Buffer.from([0])]);
    assert.throws(() => cipher.decrypt(longer, cipher.keyId), complaint);
  });
});
