import { gunzipSync, gzipSync } from 'node:zlib';
import type { EncryptedJobs } from '../../ports/index.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import { parseContext } from '../../domain/context/parse-context.ts';
import { reduceContext } from '../../domain/context/reduce-context.ts';
import type { Cipher } from './cipher.ts';

/** The limit in characters. Temporal accepts 2 MB and warns from 256 KB on. */
const MAX_LENGTH = 240_000;
const SEPARATOR = '.';

/**
 * Encrypts contexts as `<key id>.<base64>`: JSON, compressed and encrypted by AES-256-GCM. The
 * build's id is authenticated too, so that one build's context cannot pass for another's.
 */
export function createEncryptedJobs(cipher: Cipher): EncryptedJobs {
  const encrypt = (context: BuildContext): string => {
    // A terminal does not move with its build, because GitLab knows the address of this node.
    const packed = gzipSync(JSON.stringify({ ...context, session: undefined }));
    const encrypted = Buffer.from(cipher.encrypt(packed)).toString('base64');
    return `${Buffer.from(cipher.keyId).toString('base64url')}${SEPARATOR}${encrypted}`;
  };
  return {
    encrypt: (context) => {
      const whole = encrypt(context);
      if (whole.length <= MAX_LENGTH) return { sealedJob: whole, isWhole: true };
      const least = encrypt(reduceContext(context));
      return least.length <= MAX_LENGTH ? { sealedJob: least, isWhole: false } : undefined;
    },
    decrypt: (sealedJob) => {
      const [keyId = '', encrypted = ''] = sealedJob.split(SEPARATOR);
      const packed = cipher.decrypt(
        Buffer.from(encrypted, 'base64'),
        Buffer.from(keyId, 'base64url').toString(),
      );
      const context = parseContext(JSON.parse(gunzipSync(packed).toString()));
      if (context === undefined)
        throw new Error('the encrypted content is not the record of a build');
      return context;
    },
  };
}
