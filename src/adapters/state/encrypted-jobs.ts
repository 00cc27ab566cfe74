import { gunzipSync, gzipSync } from 'node:zlib';
import type { EncryptedJobs } from '../../ports/index.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import { parseContext } from '../../domain/context/parse-context.ts';
import { reduceContext } from '../../domain/context/reduce-context.ts';
import type { Cipher } from './cipher.ts';

/** In characters. Temporal accepts 2 MB and warns from 256 KB on. */
const MAX_LENGTH = 240_000;
const SEPARATOR = '.';

/**
 * `<key id>.<base64>` of the context's JSON, compressed and encrypted by AES-256-GCM. The build's
 * id is authenticated too, so that one build's context cannot pass for another's.
 */
export function createEncryptedJobs(cipher: Cipher): EncryptedJobs {
  const seal = (context: BuildContext): string => {
    const packed = gzipSync(JSON.stringify(context));
    const sealed = Buffer.from(cipher.seal(packed)).toString('base64');
    return `${Buffer.from(cipher.keyId).toString('base64url')}${SEPARATOR}${sealed}`;
  };
  return {
    seal: (context) => {
      const whole = seal(context);
      if (whole.length <= MAX_LENGTH) return { sealedJob: whole, isWhole: true };
      const least = seal(reduceContext(context));
      return least.length <= MAX_LENGTH ? { sealedJob: least, isWhole: false } : undefined;
    },
    open: (sealedJob) => {
      const [keyId = '', sealed = ''] = sealedJob.split(SEPARATOR);
      const packed = cipher.open(
        Buffer.from(sealed, 'base64'),
        Buffer.from(keyId, 'base64url').toString(),
      );
      const context = parseContext(JSON.parse(gunzipSync(packed).toString()));
      if (context === undefined) throw new Error('what was encrypted is not the record of a build');
      return context;
    },
  };
}
