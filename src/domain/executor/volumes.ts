import type { BuildContext } from '../context/context.ts';
import { parseGoBool } from '../job/go-bool.ts';
import type { JobPayload } from '../job/payload.ts';
import type { Digests } from '../runner/digests.ts';
import { containerBaseName, realUniqueName } from '../context/names.ts';
import { BUILD_LABEL, gitlabLabelNames, gitlabLabels } from './labels.ts';
import type { Mount } from '../build/mounts.ts';
import type { VolumeSpec } from './specs.ts';
import { withoutTrailing } from '../without-trailing.ts';

/** The labels by which volumes that outlive builds are recognised. */
export const CACHE_VOLUME_LABELS = gitlabLabelNames({ type: 'cache', reusable: 'true' });

/** A volume that the runner makes for a build. */
export interface PlannedVolume {
  readonly spec: VolumeSpec;
  /** Absolute path in the containers. */
  readonly path: string;
  /**
   * True: removed when the build ends. The runner never removes a persistent one with its build.
   */
  readonly isTemporary: boolean;
}

/**
 * Plans the volume for a mount. A persistent one belongs to one project, runner and concurrent
 * number, and separates builds of protected refs from all others. Source: gitlab-runner
 * `executors/docker/internal/volumes/manager.go` (createCacheVolume).
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
 * Plans the host directory for a mount below `cache_dir`. Builds share it as they would share a
 * volume. Source: `executors/docker/internal/volumes/manager.go` (createHostBasedCacheVolume).
 */
export function planCacheDirectory(
  path: string,
  { context, digests }: { readonly context: BuildContext; readonly digests: Digests },
): string {
  const root = withoutTrailing(context.runner.docker.cacheDir, '/');
  const suffix = isProtected(context.job) ? '-protected' : '';
  return `${root}/${realUniqueName(digests, context)}/${digests.md5Hex(path)}${suffix}`;
}

/**
 * Whether the job may write to caches that builds of protected refs read. GitLab's field decides,
 * otherwise the first variable of that name, which no user can have set. A cache key may ask for it
 * too. Source: gitlab-runner `common/build.go` (IsProtected), `executors/docker/volume.go`.
 */
export function isProtected({ git_info, variables, cache }: JobPayload): boolean {
  if (cache.some(({ key }) => key.endsWith('-protected'))) return true;
  if (git_info.protected !== null) return git_info.protected;
  const first = variables.find(({ key }) => key === 'CI_COMMIT_REF_PROTECTED');
  return parseGoBool(first?.value ?? '') ?? false;
}
