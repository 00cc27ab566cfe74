import { eachOf } from '../../domain/each-of.ts';
import { readContent } from '../../domain/files/read-content.ts';
import type { FileMember } from '../../ports/index.ts';

/** A further name of a file. A tar contains it without its content. */
export interface HardLinkEntry {
  /** The path of the member. */
  readonly path: string;
  /** The path of the earlier member with the content. */
  readonly target: string;
  /** The path in the container that gives the content by itself; undefined when none does. */
  readonly source: string | undefined;
}

type Members = Promise<AsyncIterable<FileMember> | undefined>;

export interface LinkReads {
  /** Reads one file. */
  readonly readOne: (source: string) => Members;
  /** Reads everything again, without hard links. */
  readonly readAgain: () => Members;
}

/** Up to this many links are read one by one, each by a call. For more, all is read again. */
const MAX_READS = 50;

/** A content of up to this size is held in memory while each of its names is yielded. */
const MAX_HELD_BYTES = 4 * 1024 * 1024;

/** Yields the files at these links. */
export async function* linkedMembers(
  links: readonly HardLinkEntry[],
  reads: LinkReads,
): AsyncGenerator<FileMember, void, void> {
  const isAlone = ({ source }: HardLinkEntry): boolean => source !== undefined;
  const alone = links.length > MAX_READS ? [] : links.filter(isAlone);
  let among = links.filter((link) => !alone.includes(link));
  while (among.length > 0) {
    const left = yield* membersAmong(among, reads);
    alone.push(...left.filter(isAlone));
    among = left.filter((link) => !isAlone(link));
  }
  for (const { source = '', path } of alone) {
    for await (const member of (await reads.readOne(source)) ?? []) yield { ...member, path };
  }
}

/**
 * Yields the targets under the names of their links. Returns the links that are left: all but the
 * first to each large file.
 */
async function* membersAmong(
  links: readonly HardLinkEntry[],
  { readAgain }: LinkReads,
): AsyncGenerator<FileMember, readonly HardLinkEntry[], void> {
  const byTarget = groupByTarget(links);
  const left: HardLinkEntry[] = [];
  for await (const member of (await readAgain()) ?? []) {
    const named = byTarget.get(member.path) ?? [];
    byTarget.delete(member.path);
    if (member.sizeBytes > MAX_HELD_BYTES) {
      left.push(...named.slice(1));
      for (const { path } of named.slice(0, 1)) yield { ...member, path };
    } else if (named.length > 0) {
      const bytes = await readContent(member);
      for (const { path } of named) yield { ...member, path, content: eachOf([bytes]) };
    }
    if (byTarget.size === 0) break;
  }
  return left;
}

function groupByTarget(links: readonly HardLinkEntry[]): Map<string, readonly HardLinkEntry[]> {
  const groups = new Map<string, HardLinkEntry[]>();
  for (const link of links) {
    const group = groups.get(link.target) ?? [];
    group.push(link);
    groups.set(link.target, group);
  }
  return groups;
}
