import {
  planSelection,
  type FileSelection,
  type SelectionOrder,
} from '../domain/files/selection.ts';
import type { CacheScene } from './cache-scene.ts';
import type { FileMember } from './ports.ts';

type SelectScene = Pick<CacheScene, 'engine' | 'container' | 'variables' | 'signal'>;

/** One reading of a project's files that asks what is kept. */
export interface Selected {
  /** To be read once, each content before the next member. */
  readonly members: AsyncIterable<FileMember>;
  /** What there is to say, and how many there were, when all members were read. */
  readonly lines: FileSelection['lines'];
  readonly count: () => number;
}

export function selectFiles(scene: SelectScene, order: SelectionOrder): Selected {
  const selection = planSelection(order);
  let count = 0;
  const members = async function* (): AsyncGenerator<FileMember> {
    for await (const member of allMembers(scene, selection.roots)) {
      if (!selection.offer(member.path)) continue;
      count += 1;
      yield member;
    }
  };
  return { members: members(), lines: selection.lines, count: () => count };
}

/** All below the roots, by paths relative to the project. */
async function* allMembers(
  { engine, container, variables, signal }: SelectScene,
  roots: readonly string[],
): AsyncGenerator<FileMember> {
  for (const root of roots) {
    const found = await engine.readFiles(container, `${variables.projectDir}/${root}`, signal);
    const parent = root.slice(0, root.lastIndexOf('/') + 1);
    for await (const member of found ?? []) {
      const path = root === '' ? member.path.replace(/^[^/]*\/?/, '') : `${parent}${member.path}`;
      if (path !== '') yield { ...member, path };
    }
  }
}
