import { jobUrl } from '../context/names.ts';
import type { BuildContext } from '../context/context.ts';
import { hideSecrets } from './hide-secrets.ts';
import type { BuildPlan, JobSummary, VisibleJob } from '../context/stage.ts';

/**
 * Three texts of this length, encrypted and with separators, fit into Temporal's limit for
 * summaries.
 */
const MAX_TEXT_LENGTH = 60;

/**
 * The facts about a job that an operator may see in the Temporal UI. Texts that people choose are
 * cut, because a workflow whose summary exceeds Temporal's limit does not start.
 */
export function summarizeJob(
  context: BuildContext,
  plan: BuildPlan,
  guardName: NameGuard = (name) => name,
): JobSummary {
  const { buildId, job, runner, rejection, rejectionReason } = context;
  return {
    buildId,
    jobId: job.id,
    jobName: cut(job.job_info.name),
    jobStage: cut(job.job_info.stage),
    projectId: job.job_info.project_id,
    projectPath: cut(projectPath(context)),
    pipelineId: job.job_info.pipeline_id,
    ref: cut(job.git_info.ref),
    jobUrl: jobUrl(job),
    runnerKey: runner.key,
    runnerName: runner.name,
    plan,
    visible: visibleJob(context, guardName),
    rejection,
    ...(rejectionReason !== undefined && { rejectionReason }),
  };
}

/** What may be shown of a name that people chose: the name, something in its place, or nothing. */
export type NameGuard = (name: string) => string | undefined;

function visibleJob(context: BuildContext, guardName: NameGuard): VisibleJob {
  const { job } = context;
  const show = (name: string): string | undefined =>
    name === '' ? undefined : guardName(cut(hideSecrets(name, context)));
  const path = projectPath(context);
  const [project, jobName, ref] = [show(path), show(job.job_info.name), show(job.git_info.ref)];
  // The address has the project's path in it.
  const url = guardName(path) === path ? hideSecrets(jobUrl(job), context) : '';
  return {
    ...(project !== undefined && { project }),
    ...(jobName !== undefined && { jobName }),
    ...(ref !== undefined && { ref }),
    ...(/^https?:[^\s()<>]+$/.test(url) && { link: `[job #${job.id} in GitLab](${url})` }),
  };
}

/** Path of the project with its groups. Older GitLabs tell it only as a variable. */
export function projectPath({ job }: Pick<BuildContext, 'job'>): string {
  const variable = job.variables.findLast(({ key }) => key === 'CI_PROJECT_PATH');
  return job.job_info.project_full_path || variable?.value || job.job_info.project_name;
}

/** Cuts at whole characters, because half of a surrogate pair is not valid text. */
function cut(text: string): string {
  const characters = Array.from(text.slice(0, 4 * MAX_TEXT_LENGTH));
  return characters.length <= MAX_TEXT_LENGTH
    ? text
    : `${characters.slice(0, MAX_TEXT_LENGTH - 1).join('')}…`;
}
