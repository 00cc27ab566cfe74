import type { FileMember, HardLink } from '../../ports/index.ts';
import { exactContent } from './exact-content.ts';
import { BLOCK_BYTES, encodeHeader, paddingBytes } from './header.ts';

/** Packs these members into a tar, as a stream. */
export async function* tarOf(
  members: AsyncIterable<FileMember | HardLink>,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const member of members) {
    const isFile = member.kind === 'file';
    yield encodeHeader({
      ...member,
      path: member.kind === 'directory' ? `${member.path}/` : member.path,
      sizeBytes: isFile ? member.sizeBytes : 0,
    });
    if (!isFile) continue;
    yield* exactContent(member);
    const rest = paddingBytes(member.sizeBytes);
    if (rest > 0) yield Buffer.alloc(rest);
  }
  yield Buffer.alloc(2 * BLOCK_BYTES);
}
