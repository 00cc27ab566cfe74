import { relativeTo } from '../../domain/files/project-paths.ts';
import type { FileMember } from '../../ports/index.ts';
import type { ArtifactContext } from './artifact-context.ts';

/** An entry with more than one member is not sent as a raw file. */
const MAX_LINKS = 2;

/**
 * Replaces a link to a file by that file, because a raw upload cannot express a link. A link that
 * leads to no file of the project stays. Source: gitlab-runner
 * `commands/helpers/archive/raw/raw_archiver.go`, which opens the path.
 */
export async function* followLinks(
  context: ArtifactContext,
  members: AsyncIterable<FileMember>,
): AsyncGenerator<FileMember> {
  const links: FileMember[] = [];
  for await (const member of members) {
    if (member.kind !== 'symlink') yield member;
    else if (links.length < MAX_LINKS) links.push(member);
  }
  // The targets are read last, because an engine answers only one request about a container at a
  // time.
  for (const link of links) yield* targetOf(context, link);
}

async function* targetOf(context: ArtifactContext, link: FileMember): AsyncGenerator<FileMember> {
  const { engine, container, variables, signal } = context;
  const { projectDir } = variables;
  const target = await engine.linkTarget(container, `${projectDir}/${link.path}`);
  const inside = target === undefined || target === '' ? undefined : relativeTo(projectDir, target);
  if (inside !== undefined && inside !== '') {
    const members = await engine.readFiles(container, `${projectDir}/${inside}`, { signal });
    for await (const member of members ?? []) {
      if (member.kind !== 'file') break;
      yield { ...member, path: link.path };
      return;
    }
  }
  yield link;
}
