import { bytesOfPath } from '../files/path-bytes.ts';
import { patternInProject } from '../files/project-paths.ts';
import { parseGlob } from '../files/glob.ts';
import type { Variables } from '../variables/variables.ts';
import { command, quote } from './quote.ts';

/** The list that the removal script reads, as a path in the container. */
export function removalList({ tempDir }: Pick<Variables, 'tempDir'>): string {
  return `${tempDir}/.glr.unwanted`;
}

/**
 * The files to remove after a cache could not be restored: its literal paths, and the members that
 * were unpacked before the failure. Paths are expanded; members are relative to the project. Paths
 * outside the project and the project itself stay. Source: gitlab-runner `shells/abstract.go`
 * (addExtractCacheCommand), which removes only the paths.
 */
export function planRemoval({
  paths,
  members,
  projectDir,
}: {
  readonly paths: readonly string[];
  readonly members: readonly string[];
  readonly projectDir: string;
}): readonly string[] {
  const literal = paths
    .map((path) => patternInProject(path, projectDir))
    .map((pattern) => (pattern === undefined ? undefined : parseGlob(pattern)))
    .flatMap((glob) => (glob?.isLiteral === true ? [glob.literalPrefix] : []));
  return [...new Set([...literal, ...members])].filter((path) => path !== '');
}

/** Formats the list for the script. */
export function formatRemovalList(paths: readonly string[]): Uint8Array {
  return bytesOfPath(paths.map((path) => `./${path}\0`).join(''));
}

/** Body of `restore_cache`, which runs in the helper and removes the files on the list. */
export function removeListedBody(variables: Variables): readonly string[] {
  const list = removalList(variables);
  return [
    `if cd ${quote(variables.projectDir)} 2>/dev/null; then`,
    `  xargs -0 rm -rf <${quote(list)}`,
    'fi',
    command('rm', '-f', list),
  ];
}
