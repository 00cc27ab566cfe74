import type { JobDependency } from '../job/payload.ts';
import type { BuildContext } from '../context/context.ts';

/**
 * Returns the earlier jobs whose artifacts a build needs, in the order of unpacking. Jobs without
 * artifacts are left out. Source: gitlab-runner `shells/abstract.go` (jobArtifacts).
 */
export function neededDependencies({ job }: Pick<BuildContext, 'job'>): readonly JobDependency[] {
  return job.dependencies.filter(({ artifacts_file }) => artifacts_file.filename !== '');
}
