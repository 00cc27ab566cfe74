import { BOLD_YELLOW, RESET } from '../colours.ts';
import { concatBytes } from '../join-bytes.ts';
import { PURE_BYTE_TOOLS, type ByteTools } from './byte-tools.ts';
import { cutAtCharacter } from './utf8-repair.ts';

/** The size and checksum of a trace so far. */
export interface TraceCount {
  /** Number of bytes admitted, the notice included, and their CRC-32. */
  readonly lengthBytes: number;
  readonly crc: number;
  readonly isOverLimit: boolean;
}

/** Measures a trace and cuts it at its limit. */
export interface TraceMeter extends TraceCount {
  /**
   * Returns the part of `bytes` that belongs to the trace. `bytes` are whole characters. Must not
   * be called over the limit.
   */
  admit(bytes: Uint8Array): Uint8Array;
}

/**
 * Creates a meter. As in gitlab-runner, a trace that reaches its limit exactly counts as over the
 * limit: it is cut before the character that does not fit, and a notice follows. Source:
 * gitlab-runner `helpers/trace/buffer.go`.
 */
export function createTraceMeter(
  limitBytes: number,
  before?: TraceCount,
  { crc32 }: Pick<ByteTools, 'crc32'> = PURE_BYTE_TOOLS,
): TraceMeter {
  let lengthBytes = before?.lengthBytes ?? 0;
  let crc = before?.crc ?? 0;
  let isOverLimit = before?.isOverLimit ?? limitBytes <= 0;
  return {
    admit: (bytes) => {
      const room = limitBytes - lengthBytes;
      isOverLimit = bytes.length > 0 && bytes.length >= room;
      const admitted = isOverLimit
        ? concatBytes(cutAtCharacter(bytes, Math.max(0, room)), limitNotice(limitBytes))
        : bytes;
      lengthBytes += admitted.length;
      crc = crc32(crc, admitted);
      return admitted;
    },
    get lengthBytes() {
      return lengthBytes;
    },
    get crc() {
      return crc;
    },
    get isOverLimit() {
      return isOverLimit;
    },
  };
}

function limitNotice(limitBytes: number): Uint8Array {
  return new TextEncoder().encode(
    `\n${BOLD_YELLOW}Job's log exceeded limit of ${limitBytes} bytes.\n` +
      `Job execution will continue but no more output will be collected.${RESET}\n`,
  );
}
