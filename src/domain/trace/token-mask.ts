import { decodeBase64, encodeBase64 } from '../base64.ts';
import { createByteSink } from './byte-sink.ts';
import { PURE_BYTE_TOOLS, type ByteTools } from './byte-tools.ts';
import { MASK } from './mask-text.ts';
import type { PhraseAutomaton } from './phrase-automaton.ts';
import { NOTHING_SEEN, type LookBackMask, type LookBackState } from './url-mask.ts';

const ROOT = 0;
const ALPHABET = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[A-Za-z0-9._=-]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

/**
 * Returns the prefixes of GitLab's own tokens: `glpat-`, or all of them with
 * FF_MASK_ALL_DEFAULT_TOKENS. Source: gitlab-runner
 * `common/buildlogger/internal/tokensanitizer/token_masker.go`.
 */
export function defaultTokenPrefixes(isAll: boolean): readonly string[] {
  if (!isAll) return ['glpat-'];
  return [
    ...['glpat-', 'gloas-', 'gldt-', 'glrt-', 'glcbt-', 'glrtr-', 'glptt-', 'glft-', 'glimt-'],
    ...['glagent-', 'glsoat-', 'glffct-', '_gitlab_session=', 'gltok-'],
  ];
}

/**
 * Hides `[A-Za-z0-9._=-]+` after each prefix, which itself stays visible. A prefix within a token
 * counts too. Source: gitlab-runner `common/buildlogger/internal/tokensanitizer/token_masker.go`.
 */
export function createTokenMask(
  prefixes: PhraseAutomaton,
  before: LookBackState = NOTHING_SEEN,
  { searchIn }: Pick<ByteTools, 'searchIn'> = PURE_BYTE_TOOLS,
): LookBackMask {
  const { next, skip, matchLengths } = prefixes;
  const out = createByteSink(0);
  let state = ROOT;
  let { isMasking } = before;
  for (const byte of decodeBase64(before.recent)) state = next(state, byte);

  const isOutside = (): boolean => !isMasking && state === ROOT;
  const isSecretByte = (byte: number): boolean =>
    ALPHABET[byte] === 1 && (isMasking || matchLengths[state] !== 0);

  return {
    write: (bytes) => {
      // Invariant: bytes before `given` were returned or hidden.
      let given = 0;
      const skipFrom = skip(bytes, searchIn);
      let i = 0;
      while (i < bytes.length) {
        if (isOutside()) i = skipFrom(i);
        if (i === bytes.length) break;
        const byte = bytes[i] ?? 0;
        const isSecret = isSecretByte(byte);
        if (isSecret && !isMasking) {
          out.appendRange(bytes, given, i);
          out.append(MASK);
        }
        if (isSecret) given = i + 1;
        isMasking = isSecret;
        state = next(state, byte);
        i++;
      }
      if (given === 0) return bytes;
      out.appendRange(bytes, given, bytes.length);
      return out.take();
    },
    reset: () => {
      isMasking = false;
      state = ROOT;
    },
    snapshot: () => ({ recent: encodeBase64(prefixes.pathTo(state)), isMasking }),
  };
}
