import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ArchiveMember, FileMember } from '../../../src/activities/ports.ts';

/** A directory that is gone after the test. */
export async function scratchDirectory(t: Pick<TestContext, 'after'>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-archives-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export const NEVER = new AbortController().signal;

/** A member as data: with its content in one piece. */
export type Plain = Omit<FileMember, 'content' | 'sizeBytes'> & { readonly text: string };

const COMMON = { uid: 0, gid: 0, modifiedMs: 1_600_000_000_000, linkTarget: '', text: '' };

export function file(path: string, text: string, rest: Partial<Plain> = {}): Plain {
  return { ...COMMON, path, kind: 'file', mode: 0o644, text, ...rest };
}

export function directory(path: string, rest: Partial<Plain> = {}): Plain {
  return { ...COMMON, path, kind: 'directory', mode: 0o755, ...rest };
}

export function symlink(path: string, linkTarget: string, rest: Partial<Plain> = {}): Plain {
  return { ...COMMON, path, kind: 'symlink', mode: 0o777, linkTarget, ...rest };
}

/** What every kind of archive has to give back as it was. */
export const TREE: readonly Plain[] = [
  directory('empty', { mode: 0o700, uid: 1000, gid: 1001 }),
  file('run.sh', '#!/bin/sh\necho run\n', { mode: 0o755, uid: 1000, gid: 1000 }),
  file('empty.txt', ''),
  file('deep/er/größe 日本語 💎.txt', 'x'.repeat(100)),
  file('large.bin', 'abcdefghij'.repeat(30_000), { modifiedMs: 1_700_000_001_000 }),
  symlink('link', 'run.sh'),
  symlink('out', '../../elsewhere'),
  file('unix/back\\slash and c:colon', 'odd'),
];

export async function* membersOf(plain: readonly Plain[]): AsyncGenerator<FileMember, void, void> {
  for (const { text, ...rest } of plain) {
    const bytes = Buffer.from(text);
    yield { ...rest, sizeBytes: bytes.byteLength, content: chunksOf(bytes) };
  }
  await Promise.resolve();
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array, void, void> {
  await Promise.resolve();
  for (let at = 0; at < bytes.byteLength; at += 50_000) yield bytes.subarray(at, at + 50_000);
}

export async function collect(members: AsyncIterable<ArchiveMember>): Promise<readonly Plain[]> {
  const all: Plain[] = [];
  for await (const member of members) {
    const { path, kind, mode, uid, gid, modifiedMs, linkTarget, content, isImplied } = member;
    if (isImplied) continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    all.push({ path, kind, mode, uid, gid, modifiedMs, linkTarget, text });
  }
  return all;
}
