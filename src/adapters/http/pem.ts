import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { errorMessage } from '../../domain/error-message.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Formats DER certificates as PEM, in their order. */
export function formatPem(certificates: readonly Uint8Array[]): string {
  return certificates
    .map((der) => {
      const lines =
        Buffer.from(der)
          .toString('base64')
          .match(/.{1,64}/g) ?? [];
      return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
    })
    .join('')
    .trim();
}

/** Returns the readable certificates of a PEM file. As in Go's pool, the others are skipped. */
export function readableCertificates(pem: string): readonly string[] {
  return splitPem(pem).filter(isReadable);
}

/** Returns why a client certificate and a key cannot be used together; undefined when they can. */
export function pairFault(pair: {
  readonly cert: string;
  readonly key: string;
}): string | undefined {
  try {
    createSecureContext(pair);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

/** Splits a PEM file into everything that is marked as a certificate. */
export function splitPem(pem: string): readonly string[] {
  return pem.match(CERTIFICATE) ?? [];
}

/**
 * Whether a certificate can be read. This takes some tenths of a millisecond, which is noticeable
 * for hundreds of roots.
 */
export function isReadable(block: string): boolean {
  try {
    return new X509Certificate(block).raw.byteLength > 0;
  } catch {
    return false;
  }
}
