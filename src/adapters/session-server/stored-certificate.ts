import type { Cipher } from '../state/cipher.ts';
import { readIfThere, writeDurably } from '../state/durable-files.ts';
import { decryptJson, encryptJson } from '../state/encrypted-files.ts';
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
  const stored: Stored = { host, renewAtMs: nowMs + RENEWAL_MS, ...made };
  await writeDurably(store.file, encryptJson(stored, store.cipher));
  return made;
}

/** Only open sessions are lost with the file, so an unreadable one is no fault. */
async function read({ file, cipher }: CertificateStore): Promise<Stored | undefined> {
  const content = await readIfThere(file);
  if (content === undefined) return undefined;
  try {
    return storedSchema.parse(decryptJson(content, cipher));
  } catch {
    return undefined;
  }
}
