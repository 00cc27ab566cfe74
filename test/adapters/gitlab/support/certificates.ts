import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface Issued {
  readonly certFile: string;
  readonly keyFile: string;
  readonly certPem: string;
  readonly keyPem: string;
}

export interface Authority extends Issued {
  /** A certificate for these names, `DNS:…` or `IP:…`, signed by this authority. */
  issue(name: string, subjects: readonly string[]): Promise<Issued>;
  /** An authority below this one. */
  delegate(name: string): Promise<Authority>;
}

export interface CertificateRoom {
  readonly directory: string;
  authority(name: string): Promise<Authority>;
  close(): Promise<void>;
}

const run = promisify(execFile);
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const CA = ['-addext', 'basicConstraints=critical,CA:TRUE'];

/** Makes certificates with `openssl` in a directory of its own. */
export async function openCertificateRoom(): Promise<CertificateRoom> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-certificates-'));
  return {
    directory,
    authority: async (name) => {
      const paths = pathsOf(directory, name);
      await run('openssl', [
        ...['req', '-x509', ...KEY, '-days', '2', '-subj', `/CN=${name}`],
        ...['-keyout', paths.keyFile, '-out', paths.certFile],
      ]);
      return authorityOf(directory, await readIssued(paths));
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

function authorityOf(directory: string, issued: Issued): Authority {
  return {
    ...issued,
    issue: (name, subjects) =>
      sign(directory, issued, { name, extension: `subjectAltName=${subjects.join(',')}` }),
    delegate: async (name) => {
      const extension = CA[1] ?? '';
      return authorityOf(directory, await sign(directory, issued, { name, extension }));
    },
  };
}

async function sign(
  directory: string,
  by: Issued,
  { name, extension }: { readonly name: string; readonly extension: string },
): Promise<Issued> {
  const paths = pathsOf(directory, name);
  const request = join(directory, `${name}.csr`);
  const extensions = join(directory, `${name}.ext`);
  await writeFile(extensions, extension);
  await run('openssl', [
    ...['req', ...KEY, '-subj', `/CN=${name}`, '-keyout', paths.keyFile, '-out', request],
  ]);
  await run('openssl', [
    ...['x509', '-req', '-in', request, '-days', '2', '-extfile', extensions, '-CAcreateserial'],
    ...['-CA', by.certFile, '-CAkey', by.keyFile, '-out', paths.certFile],
  ]);
  return readIssued(paths);
}

function pathsOf(directory: string, name: string): { certFile: string; keyFile: string } {
  return { certFile: join(directory, `${name}.pem`), keyFile: join(directory, `${name}.key`) };
}

async function readIssued(paths: { certFile: string; keyFile: string }): Promise<Issued> {
  const certPem = await readFile(paths.certFile, 'utf8');
  return { ...paths, certPem, keyPem: await readFile(paths.keyFile, 'utf8') };
}
