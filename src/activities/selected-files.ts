import {
  planSelection,
  type FileSelection,
  type SelectionOrder,
} from '../domain/files/selection.ts';
import type { Variables } from '../domain/job/variables.ts';
import type { ContainerEngine, FileMember } from './ports.ts';

/** Where a job's files are read. */
export interface FilesScene {
  readonly engine: ContainerEngine;
  readonly container: string;
  readonly variables: Pick<Variables, 'projectDir'>;
  readonly signal: AbortSignal;
}

/** One reading of a project's files that asks what is kept. */
export interface Selected {
  /** To be read once, each content before the next member. */
  readonly members: AsyncIterable<FileMember>;
  /** What there is to say, and how many there were, when all members were read. */
  readonly lines: FileSelection['lines'];
  readonly count: () => number;
}

export function selectFiles(scene: FilesScene, order: SelectionOrder): Selected {
  const selection = planSelection(order);
  let count = 0;
  const members = async function* (): AsyncGenerator<FileMember> {
    for await (const member of selectedFiles(scene, selection)) {
      count += 1;
      yield member;
    }
  };
  return { members: members(), lines: selection.lines, count: () => count };
}

/**
 * What a selection keeps of all that is below its roots, by paths relative to the project. To be
 * read once, each content before the next member.
 */
export async function* selectedFiles(
  scene: FilesScene,
  { roots, offer }: Pick<FileSelection, 'roots' | 'offer'>,
): AsyncGenerator<FileMember> {
  for (const root of roots) {
    for await (const member of membersBelow(scene, root)) {
      if (offer(member.path)) yield member;
    }
  }
}

/** '' is the whole project, which is no member itself. */
async function* membersBelow(
  { engine, container, variables, signal }: FilesScene,
  root: string,
): AsyncGenerator<FileMember> {
  const path = root === '' ? variables.projectDir : `${variables.projectDir}/${root}`;
  const parent = root.slice(0, root.lastIndexOf('/') + 1);
  for await (const member of (await engine.readFiles(container, path, signal)) ?? []) {
    const relative = root === '' ? member.path.replace(/^[^/]*\/?/, '') : parent + member.path;
    if (relative !== '') yield { ...member, path: relative };
  }
}
