import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { makeCertificate } from '../../../src/adapters/session-server/certificate.ts';
import { openCertificate } from '../../../src/adapters/session-server/stored-certificate.ts';
import type { Cipher } from '../../../src/adapters/state/cipher.ts';
import { loadCipher } from '../../support/cipher.ts';

const NOW_MS = Date.parse('2026-11-29T12:00:00Z');
const DAY_MS = 24 * 3_600_000;

describe('the certificate of the session server', () => {
  const hosts = [
    ['runner.example.com', 'DNS:runner.example.com'],
    ['192.0.2.7', 'IP Address:192.0.2.7'],
    ['2001:db8::1', 'IP Address:2001:DB8:0:0:0:0:0:1'],
  ] as const;
  for (const [host, name] of hosts) {
    it(`is for ${host} alone, and self-signed`, () => {
      const made = makeCertificate({ host, nowMs: NOW_MS, validMs: DAY_MS });
      const certificate = new X509Certificate(made.certificatePem);
      assert.equal(certificate.subjectAltName, name);
      assert.equal(certificate.issuer, certificate.subject);
      assert.ok(certificate.verify(certificate.publicKey));
      assert.ok(certificate.checkPrivateKey(createPrivateKey(made.keyPem)));
      assert.equal(certificate.ca, false);
      assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'a server, and nothing else');
      assert.ok(Date.parse(certificate.validFrom) < NOW_MS, 'a clock that is slow takes it');
      assert.equal(Date.parse(certificate.validTo), NOW_MS + DAY_MS);
      assert.match(made.certificatePem, /^-----BEGIN CERTIFICATE-----\n(.{1,64}\n)+-----END/);
    });
  }

  it('has another number each time', () => {
    const numbers = Array.from({ length: 20 }, () => {
      const made = makeCertificate({ host: 'a', nowMs: NOW_MS, validMs: DAY_MS });
      return new X509Certificate(made.certificatePem).serialNumber;
    });
    assert.equal(new Set(numbers).size, 20);
    for (const number of numbers) assert.match(number, /^[4-7][0-9A-F]{31}$/);
  });
});

describe('the stored certificate', () => {
  let directory: string;
  let cipher: Cipher;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-certificate-'));
    cipher = await loadCipher(join(directory, 'keys.json'));
  });
  after(() => rm(directory, { recursive: true, force: true }));
  const store = (name: string, nowMs = NOW_MS) => ({ file: join(directory, name), cipher, nowMs });

  it('is the same after a restart, as GitLab has pinned it', async () => {
    const first = await openCertificate('a.example', store('same'));
    const second = await openCertificate('a.example', store('same', NOW_MS + 300 * DAY_MS));
    assert.equal(second.certificatePem, first.certificatePem);
    assert.equal(second.keyPem, first.keyPem);
  });

  it('is on the disk with a mode for its owner only', async () => {
    const { keyPem } = await openCertificate('a.example', store('sealed'));
    const content = await readFile(join(directory, 'sealed'));
    assert.equal(content.includes('PRIVATE KEY'), false);
    assert.equal(content.includes(keyPem.split('\n')[1] ?? ''), false);
    assert.equal((await stat(join(directory, 'sealed'))).mode & 0o777, 0o600);
  });

  it('is made anew for another host, after a year, and where it cannot be read', async () => {
    const first = await openCertificate('a.example', store('anew'));
    const other = await openCertificate('b.example', store('anew'));
    assert.notEqual(other.certificatePem, first.certificatePem);
    const later = await openCertificate('b.example', store('anew', NOW_MS + 366 * DAY_MS));
    assert.notEqual(later.certificatePem, other.certificatePem);
    for (const damaged of ['', 'x', `${cipher.keyId}\0short`, 'other-key\0content']) {
      await writeFile(join(directory, 'anew'), damaged);
      const again = await openCertificate('b.example', store('anew'));
      assert.notEqual(again.certificatePem, later.certificatePem);
    }
  });
});
