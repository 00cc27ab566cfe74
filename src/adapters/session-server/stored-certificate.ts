import type { Cipher } from '../state/cipher.ts';
import { readIfThere, writeDurably } from '../state/durable-files.ts';
import { makeCertificate, type ServerCertificate } from './certificate.ts';
import { z } from 'zod';

export interface CertificateStore {
  readonly file: string;
  readonly cipher: Cipher;
  readonly nowMs: number;
}

const YEAR_MS = 365 * 24 * 3_600_000;
/** The certificate is valid as long as gitlab-runner's. */
const VALID_MS = 2 * YEAR_MS;
const RENEWAL_MS = YEAR_MS;

const storedSchema = z.object({
  host: z.string(),
  renewAtMs: z.number(),
  certificatePem: z.string(),
  keyPem: z.string(),
});

type Stored = z.infer<typeof storedSchema>;

/**
 * Returns the certificate for a host. It stays the same over restarts, because GitLab has pinned it
 * for each running job. A new one is made when the host has changed, after a year, and when the old
 * one cannot be read.
 */
export async function openCertificate(
  host: string,
  store: CertificateStore,
): Promise<ServerCertificate> {
  const { nowMs } = store;
  const known = await read(store);
  if (known !== undefined && known.host === host && nowMs < known.renewAtMs) return known;
  const made = makeCertificate({ host, nowMs, validMs: VALID_MS });
  await write({ host, renewAtMs: nowMs + RENEWAL_MS, ...made }, store);
  return made;
}

/**
 * Reads `<key id>\0<encrypted>`. Only open sessions are lost with the file, so an unreadable one is
 * no fault.
 */
async function read({ file, cipher }: CertificateStore): Promise<Stored | undefined> {
  const content = await readIfThere(file);
  const end = content?.indexOf(0) ?? -1;
  if (content === undefined || end === -1) return undefined;
  try {
    const plain = cipher.decrypt(content.subarray(end + 1), content.subarray(0, end).toString());
    return storedSchema.parse(JSON.parse(Buffer.from(plain).toString()));
  } catch {
    return undefined;
  }
}

async function write(stored: Stored, { file, cipher }: CertificateStore): Promise<void> {
  const encrypted = cipher.encrypt(Buffer.from(JSON.stringify(stored)));
  await writeDurably(file, Buffer.concat([Buffer.from(`${cipher.keyId}\0`), encrypted]));
}
