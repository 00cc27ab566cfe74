import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { errorMessage } from '../../domain/error-message.ts';
import type { Log } from '../../ports/index.ts';
import { readableCertificates } from '../http/pem.ts';
import { errorCode } from '../host/error-code.ts';

export interface TlsSource {
  readonly baseUrl: URL;
  readonly configDir: string;
  readonly tlsCaFile: string | undefined;
  readonly tlsCertFile: string | undefined;
  readonly tlsKeyFile: string | undefined;
  /** Files with certificates to trust in addition. Missing files are ignored. */
  readonly trustedFiles?: readonly string[];
}

interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** Changes with the time and size of each file. */
  readonly stamp: string;
}

/** Usable content of the certificate files; undefined for missing or broken ones. */
export interface TlsMaterial {
  readonly caPem: string | undefined;
  /** Client certificate and key: both or neither. */
  readonly certPem: string | undefined;
  readonly keyPem: string | undefined;
}

/**
 * Returns the configured files, otherwise `certs/<host>.crt`, `.auth.crt` and `.auth.key` beside
 * the config.
 */
export async function findTlsFiles(source: TlsSource): Promise<TlsFiles> {
  const beside = (suffix: string): string =>
    join(source.configDir, 'certs', `${source.baseUrl.hostname}${suffix}`);
  const caFile = source.tlsCaFile || beside('.crt');
  const certFile = source.tlsCertFile || beside('.auth.crt');
  const keyFile = source.tlsKeyFile || beside('.auth.key');
  const stamps = await Promise.all([caFile, certFile, keyFile].map(stampOf));
  return { caFile, certFile, keyFile, stamp: stamps.join(' ') };
}

async function stampOf(path: string): Promise<string> {
  const stats = await stat(path).catch(() => undefined);
  return stats === undefined ? 'absent' : `${stats.ino}:${stats.mtimeMs}:${stats.size}`;
}

/** Reads the usable files, logs the unusable ones, and continues without them. */
export async function readTlsMaterial(files: TlsFiles, log: Log): Promise<TlsMaterial> {
  const caPem = await readCa(files.caFile, log);
  const certPem = await readPem(files.certFile, log);
  const keyPem = await readPem(files.keyFile, log);
  const hasPair = certPem !== undefined && keyPem !== undefined;
  if (!hasPair || !isPair({ certPem, keyPem }, files, log)) {
    return { caPem, certPem: undefined, keyPem: undefined };
  }
  return { caPem, certPem, keyPem };
}

async function readCa(path: string, log: Log): Promise<string | undefined> {
  const pem = await readPem(path, log);
  if (pem === undefined || readableCertificates(pem).length > 0) return pem;
  log.error('CA file holds no readable certificate, continuing without it', { file: path });
  return undefined;
}

async function readPem(path: string, log: Log): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') {
      log.error('certificate file cannot be read, continuing without it', { file: path, code });
    }
    return undefined;
  }
}

function isPair(
  { certPem, keyPem }: { readonly certPem: string; readonly keyPem: string },
  { certFile, keyFile }: TlsFiles,
  log: Log,
): boolean {
  try {
    createSecureContext({ cert: certPem, key: keyPem });
    return true;
  } catch (error) {
    log.error('client certificate and key cannot be used, continuing without them', {
      certFile,
      keyFile,
      reason: errorMessage(error),
    });
    return false;
  }
}
