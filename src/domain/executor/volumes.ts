import type { BuildContext } from '../context/context.ts';
import { parseGoBool } from '../job/go-bool.ts';
import type { JobPayload } from '../job/payload.ts';
import type { Digests } from '../runner/digests.ts';
import { containerBaseName, realUniqueName } from '../context/names.ts';
import { BUILD_LABEL, gitlabLabelNames, gitlabLabels } from './labels.ts';
import type { Mount } from '../build/mounts.ts';
import type { VolumeSpec } from './specs.ts';

/** What the volumes that outlive builds are told by. */
export const CACHE_VOLUME_LABELS = gitlabLabelNames({ type: 'cache', reusable: 'true' });

/** A volume that we make for a build. */
export interface PlannedVolume {
  readonly spec: VolumeSpec;
  /** Absolute path in the containers. */
  readonly path: string;
  /** Removed when the build ends. A persistent one is never removed by us. */
  readonly isTemporary: boolean;
}

/**
 * The volume behind a mount. A persistent one belongs to a project, a runner and a place on it, and
 * keeps builds of protected refs apart from all others. Source: spec/docker-executor §5,
 * gitlab-runner `executors/docker/internal/volumes/manager.go` (createCacheVolume).
 */
export function planVolume(
  { path, isTemporary }: Extract<Mount, { kind: 'volume' }>,
  { context, digests }: { readonly context: BuildContext; readonly digests: Digests },
): PlannedVolume {
  const { docker } = context.runner;
  const isKeptApart = isProtected(context.job);
  const base = isTemporary ? containerBaseName(context) : realUniqueName(digests, context);
  const suffix = isKeptApart ? '-protected' : '';
  const labels = gitlabLabels(context, {
    type: 'cache',
    destination: path,
    protected: `${isKeptApart}`,
    reusable: `${!isTemporary}`,
  });
  return {
    path,
    isTemporary,
    spec: {
      name: `${base}-cache-${digests.md5Hex(path)}${suffix}`,
      labels: isTemporary ? { ...labels, [BUILD_LABEL]: context.buildId } : labels,
      ...(docker.volumeDriver !== '' && { driver: docker.volumeDriver }),
      driverOptions: docker.volumeDriverOps,
    },
  };
}

/**
 * The directory of the host behind a mount below `cache_dir`. It belongs to the same builds as a
 * volume would. Source: `executors/docker/internal/volumes/manager.go` (createHostBasedCacheVolume).
 */
export function planCacheDirectory(
  path: string,
  { context, digests }: { readonly context: BuildContext; readonly digests: Digests },
): string {
  const root = context.runner.docker.cacheDir.replace(/\/+$/, '');
  const suffix = isProtected(context.job) ? '-protected' : '';
  return `${root}/${realUniqueName(digests, context)}/${digests.md5Hex(path)}${suffix}`;
}

/**
 * Whether the job may put into caches what builds of protected refs read: by GitLab's word, else by
 * the first variable of that name, which no user can have set. A cache key can ask for it too.
 * Source: gitlab-runner `common/build.go` (IsProtected), `executors/docker/volume.go`.
 */
export function isProtected({ git_info, variables, cache }: JobPayload): boolean {
  if (cache.some(({ key }) => key.endsWith('-protected'))) return true;
  if (git_info.protected !== null) return git_info.protected;
  const first = variables.find(({ key }) => key === 'CI_COMMIT_REF_PROTECTED');
  return parseGoBool(first?.value ?? '') ?? false;
}
