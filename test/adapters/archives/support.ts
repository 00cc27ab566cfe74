import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ArchiveMember, FileMember } from '../../../src/ports/index.ts';

/** A directory that is removed after the test. */
export async function scratchDirectory(t: Pick<TestContext, 'after'>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-archives-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export const NEVER = new AbortController().signal;

/** A member as data, with its content in one piece. */
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

/** Content that every kind of archive must restore unchanged. */
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

const at = (time: string): number => Date.parse(time);

/**
 * Facts that do not fit into plain fields: large ids, names that are not UTF-8, times far in the
 * past or future.
 */
export const UNUSUAL: readonly Plain[] = [
  file('ids', '', { uid: 300_000, gid: 2_097_151 }),
  file('large ids', 'x', { uid: 2_097_152, gid: 3_000_000 }),
  file('largest ids', '', { uid: 4_294_967_294, gid: 4_294_967_294 }),
  file('caf\udce9', 'Latin-1'),
  directory(`\udce9/${'\udcff'.repeat(255)}`),
  symlink('to', 'nowhere/caf\udce9'),
  file('1969', '', { modifiedMs: at('1969-12-31T23:59:59Z') }),
  file('1901', '', { modifiedMs: at('1901-12-13T20:45:52Z') }),
  file('2038', '', { modifiedMs: at('2038-01-19T03:14:08Z') }),
  file('2049', '', { modifiedMs: at('2049-06-01T12:00:00Z') }),
  file('2100', '', { modifiedMs: at('2100-06-01T12:00:00Z') }),
  file('2300', '', { modifiedMs: at('2300-06-01T12:00:00Z') }),
  file('none', '', { mode: 0 }),
  file('p'.repeat(100), ''),
  file('p'.repeat(101), ''),
  file(`${'deep/'.repeat(800)}f`, 'deep'),
  file('far/1800', '', { modifiedMs: at('1800-01-01T00:00:00Z') }),
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
