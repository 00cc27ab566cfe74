import { posix } from 'node:path';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';
import type {
  Archives,
  ContainerEngine,
  FileMember,
  HardLink,
  HostFiles,
} from '../../../src/ports/index.ts';

/** A file at a path of a container. */
export interface StoredFile {
  readonly text: string;
  readonly modifiedMs: number;
  /** The absolute path that a link leads to, if this is a link; empty for a circle. */
  readonly leadsTo?: string;
  readonly isDirectory?: true;
}

/** The files of the build's containers, and those of the node, by absolute path. */
export interface FakeFileSystem {
  readonly container: Map<string, StoredFile>;
  readonly node: Map<string, string>;
  readonly engine: Pick<
    ContainerEngine,
    'linkTarget' | 'readFiles' | 'writeFiles' | 'putArchive' | 'statPath'
  >;
  /** Written by `putArchive`, by path. */
  readonly put: Map<string, string>;
  readonly archives: Archives;
  readonly hostFiles: HostFiles;
}

/** An archive of these files, as {@link createFakeFileSystem} packs and unpacks it. */
export function archiveOf(files: Readonly<Record<string, string>>): string {
  return JSON.stringify(files);
}

/** Creates an archive that breaks off after these files. */
export function halfArchiveOf(files: Readonly<Record<string, string>>): string {
  return archiveOf(files) + BROKEN_OFF;
}

const BROKEN_OFF = ' broken off';

export function createFakeFileSystem(): FakeFileSystem {
  const container = new Map<string, StoredFile>();
  const node = new Map<string, string>();
  const put = new Map<string, string>();
  return {
    ...{ container, node, put },
    engine: {
      linkTarget: (_, path) => Promise.resolve(container.get(path)?.leadsTo),
      // What it does not tell is read.
      statPath: () => Promise.resolve(undefined),
      readFiles: (_, path) => Promise.resolve(filesBelow(container, posix.normalize(path))),
      writeFiles: async (_, directory, { members }) => {
        for await (const member of members) await write(container, directory, member);
      },
      putArchive: (_container, _path, entries) => {
        for (const entry of entries) {
          if (entry.content !== undefined)
            put.set(entry.path, Buffer.from(entry.content).toString());
        }
        return Promise.resolve();
      },
    },
    archives: createArchives(node),
    hostFiles: {
      open: (file) => {
        const text = node.get(file) ?? '';
        return Promise.resolve({ sizeBytes: text.length, content: contentOf(text) });
      },
      remove: (file) => Promise.resolve(void node.delete(file)),
    },
  };
}

function createArchives(node: FakeFileSystem['node']): Archives {
  return {
    canPack: (format) => format === 'zip',
    pack: async ({ file, format }, members) => {
      const files: Record<string, string> = {};
      for await (const { path, kind, content } of members) {
        if (format === 'raw' && kind === 'directory') throw new Error(`${path} has no content`);
        files[path] = await textOf(content);
      }
      const text = format === 'raw' ? Object.values(files).join('') : archiveOf(files);
      node.set(file, text);
      return { sizeBytes: text.length };
    },
    unpack: async function* (file) {
      const text = node.get(file) ?? '';
      if (!text.startsWith('{')) {
        throw new FinalError(FailureType.InvalidArchive, `${file} is no archive`);
      }
      await Promise.resolve();
      const files = JSON.parse(text.replace(BROKEN_OFF, '')) as Record<string, string>;
      for (const [path, content] of Object.entries(files)) {
        yield { ...memberOf(path, { text: content, modifiedMs: 0 }), isImplied: false };
      }
      if (text.endsWith(BROKEN_OFF)) {
        throw new FinalError(FailureType.InvalidArchive, `${file} is broken off`);
      }
    },
  };
}

function filesBelow(files: FakeFileSystem['container'], top: string) {
  const parent = posix.dirname(top);
  const found = [...files].filter(([path]) => `${path}/`.startsWith(posix.join(top, '/')));
  if (found.length === 0) return undefined;
  return eachOf(found.map(([path, file]) => memberOf(path.slice(parent.length + 1), file)));
}

async function write(
  files: FakeFileSystem['container'],
  directory: string,
  { kind, path, linkTarget, content, modifiedMs }: FileMember | HardLink,
): Promise<void> {
  const linked = files.get(`${directory}/${linkTarget}`);
  if (kind === 'link' && linked !== undefined) files.set(`${directory}/${path}`, linked);
  if (kind === 'file') {
    files.set(`${directory}/${path}`, { text: await textOf(content), modifiedMs });
  }
}

function memberOf(path: string, file: StoredFile): FileMember {
  const { text, modifiedMs, leadsTo = '' } = file;
  return {
    ...{ path, kind: kindOf(file), mode: 0o644, uid: 0, gid: 0, linkTarget: leadsTo, modifiedMs },
    sizeBytes: text.length,
    content: contentOf(text),
  };
}

function kindOf({ leadsTo, isDirectory }: StoredFile): FileMember['kind'] {
  if (isDirectory) return 'directory';
  return leadsTo === undefined ? 'file' : 'symlink';
}

async function* eachOf<T>(items: readonly T[]): AsyncGenerator<T, void, void> {
  await Promise.resolve();
  yield* items;
}

function contentOf(text: string): AsyncGenerator<Uint8Array, void, void> {
  return eachOf(text === '' ? [] : [Buffer.from(text)]);
}

async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
