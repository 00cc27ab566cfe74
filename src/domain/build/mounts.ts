import type { BuildContext } from '../context/context.ts';
import { cleanPath } from '../job/project-dir.ts';
import { quoteText } from '../quote-text.ts';
import type { Variables } from '../variables/variables.ts';
import type { DockerConfig } from '../runner/config.ts';
import { readGitSettings } from '../script/git-settings.ts';

/** A mount at a path in the build's containers. */
export type Mount =
  /**
   * A volume that the runner makes. It is kept for the next build with the same project and number,
   * or removed with this build.
   */
  | { readonly kind: 'volume'; readonly path: string; readonly isTemporary: boolean }
  /** A directory that the runner makes below `cache_dir` on the host, kept for later builds. */
  | { readonly kind: 'directory'; readonly path: string }
  /** A host directory or a named volume that the configuration mounts. */
  | { readonly kind: 'given'; readonly path: string; readonly bind: string };

/** All mounts of a build. */
export interface MountPlan {
  /**
   * The mounts in the order of the configuration. The volume of the builds directory is the last
   * one.
   */
  readonly mounts: readonly Mount[];
  /** Why the build must fail as a configuration error; undefined when all mounts are usable. */
  readonly fault: string | undefined;
}

/**
 * Plans all mounts of a build. Never throws: `fault` names a volume that cannot be used. Source:
 * gitlab-runner `executors/docker/internal/volumes/manager.go`.
 */
export function planMounts(context: BuildContext, variables: Variables): MountPlan {
  const { docker, buildsDir } = context.runner;
  const mounts: Mount[] = [];
  const taken = new Set<string>();
  for (const volume of docker.volumes) {
    if (volume === '') continue;
    const mount = readVolume(volume, variables, docker);
    if (typeof mount === 'string') return { mounts, fault: mount };
    const path = cleanPath(mount.path);
    if (taken.has(path)) {
      return { mounts, fault: `volume for container path ${quote(path)} is already defined` };
    }
    taken.add(path);
    mounts.push(mount);
  }
  const root = cleanPath(buildsDir);
  if (!root.startsWith('/') || root === '/' || UNUSABLE.test(root)) {
    const fault = `builds_dir ${quote(buildsDir)} has to be an absolute path other than "/"`;
    return { mounts, fault };
  }
  if (!taken.has(root)) {
    const isTemporary =
      docker.disableCache || readGitSettings(context, variables).strategy !== 'fetch';
    mounts.push(ownMount(buildsDir, isTemporary, docker));
  }
  return { mounts, fault: undefined };
}

/**
 * Whether files in `path` may still exist in a later build. Returns true when that is not known.
 */
export function outlivesBuild(path: string, { mounts, fault }: MountPlan): boolean {
  if (fault !== undefined) return true;
  const below = (mount: Mount): boolean =>
    `${cleanPath(path)}/`.startsWith(`${cleanPath(mount.path)}/`);
  const holders = mounts.filter(below);
  const innermost = holders.reduce<Mount | undefined>(
    (found, next) =>
      found === undefined || cleanPath(next.path).length > cleanPath(found.path).length
        ? next
        : found,
    undefined,
  );
  // A path on no mount belongs to the container's own layer, which is removed with the container.
  return innermost !== undefined && !(innermost.kind === 'volume' && innermost.isTemporary);
}

/** Matches an absolute path. No part may contain characters that gitlab-runner's parser refuses. */
const PATH = /^\/(?:[^\\/:*?"<>|\r\n]+\/)*(?:[^\\/:*?"<>|\r\n]+)?$/;
const VOLUME_NAME = /^[^\\/:*?"<>|\r\n]+$/;
/** Docker takes a colon for the end of the path. */
const UNUSABLE = /[:\p{Cc}]/u;
const OPTIONS: ReadonlySet<string> = new Set([
  ...['ro', 'rw', 'o', 'z'],
  ...['shared', 'slave', 'private', 'rshared', 'rslave', 'rprivate'],
]);

/**
 * Returns what is wrong with a `volumes` entry, independent of a job's variables; undefined when
 * nothing is.
 */
export function volumeFault(volume: string): string | undefined {
  const isSound = volume === '' || parseVolume(volume) !== undefined;
  return isSound ? undefined : `invalid volume specification ${quote(volume)}`;
}

/** Returns the mount that a `volumes` entry means, or what is wrong with it. */
function readVolume(
  volume: string,
  variables: Variables,
  docker: Pick<DockerConfig, 'disableCache' | 'cacheDir'>,
): Mount | string {
  const spec = parseVolume(volume);
  if (spec === undefined) return `invalid volume specification ${quote(volume)}`;
  const { source, target, options } = spec;
  // Only the destination is expanded: a job must not choose which part of the host it sees.
  const path = variables.expand(target);
  if (!path.startsWith('/') || UNUSABLE.test(path)) {
    return `volume ${quote(volume)} leads to ${quote(path)}, which is not a path in the container`;
  }
  if (cleanPath(path) === '/') {
    return `volume ${quote(volume)} leads to the root of the container`;
  }
  if (source === undefined) return ownMount(path, docker.disableCache, docker);
  const suffix = options.length === 0 ? '' : `:${options.join(',')}`;
  return { kind: 'given', path, bind: `${source}:${path}${suffix}` };
}

/**
 * Plans a mount of the runner's own. Files that are kept go into a host directory when `cache_dir`
 * is configured, otherwise into a volume.
 */
function ownMount(
  path: string,
  isTemporary: boolean,
  { cacheDir }: Pick<DockerConfig, 'cacheDir'>,
): Mount {
  if (cacheDir !== '' && !isTemporary) return { kind: 'directory', path };
  return { kind: 'volume', path, isTemporary };
}

interface VolumeParts {
  readonly source: string | undefined;
  readonly target: string;
  readonly options: readonly string[];
}

/** Source: gitlab-runner `executors/docker/internal/volumes/parser/linux_parser.go`. */
function parseVolume(volume: string): VolumeParts | undefined {
  const parts = volume.split(':');
  // If the second part is a path, the first part is a source.
  const source = parts[1]?.startsWith('/') === true ? parts.shift() : undefined;
  const target = parts.shift() ?? '';
  const options = parts.flatMap((part) => part.split(','));
  const isSource = source === undefined || PATH.test(source) || VOLUME_NAME.test(source);
  const areOptions = options.every((option) => OPTIONS.has(option.toLowerCase()));
  return isSource && areOptions && PATH.test(target) ? { source, target, options } : undefined;
}

function quote(text: string): string {
  return quoteText(text, 200);
}
