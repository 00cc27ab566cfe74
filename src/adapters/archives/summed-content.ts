import { crc32 } from 'node:zlib';
import type { FileMember } from '../../ports/index.ts';
import { exactContent } from '../tar/exact-content.ts';

/** A file's content, and the CRC-32 of what was read of it so far. */
export interface SummedContent {
  readonly content: AsyncGenerator<Uint8Array, void, void>;
  readonly sum: number;
}

export function summedContent(member: FileMember): SummedContent {
  let sum = 0;
  const read = async function* (): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of exactContent(member)) {
      sum = crc32(chunk, sum);
      yield chunk;
    }
  };
  return {
    content: read(),
    get sum() {
      return sum;
    },
  };
}
