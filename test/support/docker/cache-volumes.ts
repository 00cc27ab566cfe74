import Docker from 'dockerode';
import type { Installation } from '../installation.ts';
import { assertJob, NO_GIT } from '../scenario.ts';

/** A job of its own project that should succeed. */
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

/** The volumes of a project and of its builds, until these have ended. */
export async function volumesOf(projectId: number): Promise<readonly string[]> {
  const label = [`com.gitlab.gitlab-runner.project.id=${projectId}`];
  const { Volumes } = await new Docker().listVolumes({ filters: JSON.stringify({ label }) });
  return ((Volumes as typeof Volumes | null) ?? []).map(({ Name }) => Name);
}
