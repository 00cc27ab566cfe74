import type { Archives, FileMember } from '../../../src/ports/index.ts';
import type { World } from './world.ts';

/** A member with its content at hand. */
export type StoredMember = Omit<FileMember, 'content'> & { readonly bytes: Uint8Array };

/** Archives as lists of members: those on the world's disk, by path. */
export function createFakeArchives({ disk }: World): Archives {
  return {
    pack: async ({ file }, members) => {
      const stored: StoredMember[] = [];
      for await (const member of members) stored.push(await storedMember(member));
      disk.archives.set(file, stored);
      return { sizeBytes: stored.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
    },
    canPack: (format) => format === 'zip',
    unpack: async function* (file) {
      for (const member of disk.archives.get(file) ?? []) {
        yield { ...memberOf(member), isImplied: false };
      }
      await Promise.resolve();
    },
  };
}

async function storedMember({ content, ...rest }: FileMember): Promise<StoredMember> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return { ...rest, bytes: Buffer.concat(chunks) };
}

function memberOf({ bytes, ...rest }: StoredMember): FileMember {
  return { ...rest, content: chunksOf(bytes) };
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  await Promise.resolve();
  if (bytes.byteLength > 0) yield bytes;
}
