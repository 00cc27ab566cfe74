import { readFile } from 'node:fs/promises';
import { rootCertificates } from 'node:tls';
import { SITE_CA_FILE } from '../../domain/runner/outbound.ts';
import { isReadable, splitPem } from './pem.ts';
import type { Environment } from './proxy.ts';

/**
 * Files in which distributions keep their root certificates. The first existing file is used.
 * Source: Go `crypto/x509`.
 */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * Reads the certificates that the machine trusts: Node's own, the distribution's (or
 * `SSL_CERT_FILE`), `NODE_EXTRA_CA_CERTS`, the private CA where images of gitlab-runner expect it,
 * and the given files. All are listed, because a `ca` option replaces Node's defaults.
 */
export async function readSystemRoots(
  env: Environment,
  more: readonly string[] = [],
): Promise<readonly string[]> {
  const chosen = env['SSL_CERT_FILE'];
  const system = await firstReadable(chosen === undefined || chosen === '' ? BUNDLES : [chosen]);
  const extra = await firstReadable([env['NODE_EXTRA_CA_CERTS'] ?? '']);
  const own = await Promise.all([SITE_CA_FILE, ...more].map((path) => firstReadable([path])));
  // Most roots are in both lists, with different formatting. Only the others have to be read.
  const byContent = new Map(rootCertificates.map((pem) => [bare(pem), pem]));
  for (const block of [system, extra, ...own].flatMap(splitPem)) {
    const content = bare(block);
    if (!byContent.has(content) && isReadable(block)) byContent.set(content, block);
  }
  return [...byContent.values()];
}

function bare(pem: string): string {
  return pem.replace(/\s+/g, '');
}

async function firstReadable(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const pem = path === '' ? undefined : await readFile(path, 'utf8').catch(() => undefined);
    if (pem !== undefined) return pem;
  }
  return '';
}
