import { bytesOfPath } from '../files/path-bytes.ts';
import { patternInProject } from '../files/project-paths.ts';
import { parseGlob } from '../files/glob.ts';
import type { Variables } from '../variables/variables.ts';
import { command, quote } from './quote.ts';

/** Where the script that removes files finds their names, in the container. */
export function removalList({ tempDir }: Pick<Variables, 'tempDir'>): string {
  return `${tempDir}/.glr.unwanted`;
}

/**
 * What has to go when a cache could not be restored: its paths as far as they are no patterns, and
 * what was unpacked of it before it failed. Paths are expanded, members relative to the project; what
 * lies outside of it stays, and so does the project itself.
 * Source: gitlab-runner `shells/abstract.go` (addExtractCacheCommand), which removes the paths only.
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

/** The list as the script reads it. */
export function formatRemovalList(paths: readonly string[]): Uint8Array {
  return bytesOfPath(paths.map((path) => `./${path}\0`).join(''));
}

/** Body of `restore_cache`, in the helper: removes what is on the list. */
export function removeListedBody(variables: Variables): readonly string[] {
  const list = removalList(variables);
  return [
    `if cd ${quote(variables.projectDir)} 2>/dev/null; then`,
    `  xargs -0 rm -rf <${quote(list)}`,
    'fi',
    command('rm', '-f', list),
  ];
}
