import Docker from 'dockerode';
import type { Installation } from '../installation.ts';
import { assertJob, NO_GIT } from '../scenario.ts';

/** Runs a job of its own project, which must succeed. */
export async function visit(
  { gitlab }: Installation,
  project: { readonly id: number; readonly script: string },
  log: readonly (string | RegExp)[],
): Promise<void> {
  const payload = { job_info: { project_id: project.id } };
  const job = gitlab.addJob({ script: [project.script], variables: [NO_GIT], payload });
  await job.whenFinished(60_000);
  assertJob(job, { state: 'success', log });
}

/**
 * Returns the volumes of a project. They include those of its builds until the builds have ended.
 */
export async function volumesOf(projectId: number): Promise<readonly string[]> {
  const label = [`com.gitlab.gitlab-runner.project.id=${projectId}`];
  const { Volumes } = await new Docker().listVolumes({ filters: JSON.stringify({ label }) });
  return ((Volumes as typeof Volumes | null) ?? []).map(({ Name }) => Name);
}
