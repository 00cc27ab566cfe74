/** The facts that decide where a project is checked out. */
export interface ProjectDirInput {
  /** Root of all checkouts in the container, absolute. */
  readonly buildsDir: string;
  /** Whether builds of other projects and runners see the same root. */
  readonly isShared: boolean;
  readonly repoUrl: string;
  readonly projectId: number;
  readonly shortToken: string;
  readonly concurrentProjectId: number;
  /** Expanded GIT_CLONE_PATH; '' when not set. */
  readonly clonePath: string;
  readonly isClonePathForbidden: boolean;
  /** Expanded GIT_STRATEGY. */
  readonly gitStrategy: string;
}

/** Where a project is checked out. */
export interface ProjectDir {
  readonly dir: string;
  /** Why GIT_CLONE_PATH cannot be used; `dir` is then the usual one. */
  readonly fault: string | undefined;
}

/**
 * Absolute path of the checkout. Source: gitlab-runner `common/build.go` (ProjectUniqueDir,
 * getCustomBuildDir).
 */
export function planProjectDir(input: ProjectDirInput): ProjectDir {
  const { clonePath } = input;
  const usual = joinPath(input.buildsDir, uniqueDir(input));
  if (clonePath === '') return { dir: usual, fault: undefined };
  const fault = clonePathFault(input);
  return fault === undefined ? { dir: cleanPath(clonePath), fault } : { dir: usual, fault };
}

function uniqueDir(input: ProjectDirInput): string {
  const { isShared, shortToken, concurrentProjectId, gitStrategy } = input;
  const slug = projectSlug(input.repoUrl) ?? `project-${input.projectId}`;
  const dir = isShared ? joinPath(shortToken, `${concurrentProjectId}`, slug) : slug;
  return gitStrategy === 'empty' ? `${dir}-empty` : dir;
}

/** Path of the repository on its server; undefined when the path is unsafe as a directory. */
function projectSlug(repoUrl: string): string | undefined {
  const encoded = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]+(\/[^?#]*)/i.exec(repoUrl)?.[1];
  if (encoded === undefined) return undefined;
  const path = decodePath(encoded)?.replace(/\.git$/, '');
  if (path === undefined || hasControl(path)) return undefined;
  const slug = cleanPath(path);
  return slug === '/' || slug.includes('..') ? undefined : slug;
}

function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined; // The text is not a URL: it has a percent sign without a code.
  }
}

function clonePathFault(input: ProjectDirInput): string | undefined {
  const { buildsDir, clonePath, isClonePathForbidden } = input;
  if (isClonePathForbidden) {
    return 'setting GIT_CLONE_PATH is not allowed, enable `custom_build_dir` feature';
  }
  const dir = cleanPath(clonePath);
  const root = cleanPath(buildsDir);
  const rest =
    dir === root ? '' : dir.startsWith(below(root)) ? dir.slice(below(root).length) : '..';
  // As in gitlab-runner, a directory directly below the root whose name begins with `..` is refused
  // too.
  if (!rest.startsWith('..') && !hasControl(dir)) return undefined;
  return `the GIT_CLONE_PATH=${JSON.stringify(clonePath)} has to be within ${JSON.stringify(buildsDir)}`;
}

function below(dir: string): string {
  return dir === '/' ? dir : `${dir}/`;
}

/**
 * Whether the root of all checkouts lies on a volume that the configuration mounts by name or from
 * the host, so that other builds see it. `volumes` are expanded. Source: gitlab-runner
 * `executors/docker/internal/volumes/utils.go` (IsHostMountedVolume).
 */
export function isSharedBuildsDir(buildsDir: string, volumes: readonly string[]): boolean {
  const dir = below(cleanPath(buildsDir));
  return volumes.some((volume) => {
    const [, target] = volume.split(':');
    return (
      target !== undefined && target.startsWith('/') && dir.startsWith(below(cleanPath(target)))
    );
  });
}

/** Joins parts to one clean path; empty parts do not count. Source: Go `path.Join`. */
export function joinPath(...parts: readonly string[]): string {
  return cleanPath(parts.filter((part) => part !== '').join('/'));
}

/** The shortest path that means the same, without looking at any disk. Source: Go `path.Clean`. */
export function cleanPath(path: string): string {
  const isAbsolute = path.startsWith('/');
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!isAbsolute) kept.push(part);
  }
  const rest = kept.join('/');
  return isAbsolute ? `/${rest}` : rest === '' ? '.' : rest;
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text);
}
