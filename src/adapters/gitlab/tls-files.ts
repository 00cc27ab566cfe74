import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hostAsWritten } from '../../domain/runner/api-url.ts';
import type { Log } from '../../ports/index.ts';
import { pairFault, readableCertificates } from '../http/pem.ts';
import { errorCode } from '../host/error-code.ts';

export interface TlsSource {
  /** The `url` of the entry, as it is written there. */
  readonly url: string;
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
 * the config. The host is looked for as `url` has it, as in gitlab-runner (`network/client.go`,
 * newClient), and then in lower case.
 */
export async function findTlsFiles(source: TlsSource): Promise<TlsFiles> {
  const hosts = hostNames(source);
  const find = (configured: string | undefined, suffix: string): Promise<FoundFile> => {
    const beside = hosts.map((host) => join(source.configDir, 'certs', `${host}${suffix}`));
    return firstOf(configured ? [configured] : beside);
  };
  const [ca, cert, key] = await Promise.all([
    find(source.tlsCaFile, '.crt'),
    find(source.tlsCertFile, '.auth.crt'),
    find(source.tlsKeyFile, '.auth.key'),
  ]);
  const stamp = [ca, cert, key].map((file) => file.stamp).join(' ');
  return { caFile: ca.path, certFile: cert.path, keyFile: key.path, stamp };
}

/** A redirect may lead to another host than that of `url`. */
function hostNames({ url, baseUrl }: TlsSource): readonly string[] {
  const isOwn = URL.canParse(url) && new URL(url).hostname === baseUrl.hostname;
  return [...new Set([...(isOwn ? [hostAsWritten(url)] : []), baseUrl.hostname])];
}

interface FoundFile {
  readonly path: string;
  readonly stamp: string;
}

/** Returns the first file that exists, or else the path of the last one. */
async function firstOf(paths: readonly string[]): Promise<FoundFile> {
  for (const path of paths) {
    const stats = await stat(path).catch(() => undefined);
    if (stats !== undefined) return { path, stamp: `${stats.ino}:${stats.mtimeMs}:${stats.size}` };
  }
  return { path: paths.at(-1) ?? '', stamp: 'absent' };
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
  const reason = pairFault({ cert: certPem, key: keyPem });
  if (reason === undefined) return true;
  log.error('client certificate and key cannot be used, continuing without them', {
    certFile,
    keyFile,
    reason,
  });
  return false;
}
