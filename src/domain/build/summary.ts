import type { JobAttributes } from '../context/job-attributes.ts';
import { cleanUrl, jobUrl } from '../context/names.ts';
import type { BuildContext } from '../context/context.ts';
import { hideSecrets } from './hide-secrets.ts';
import {
  NODE_PROTOCOL,
  type BuildPlan,
  type JobSummary,
  type VisibleJob,
} from '../context/stage.ts';

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
  view: JobView = PLAIN_VIEW,
): JobSummary {
  const { buildId, job, runner, entropy, rejection, rejectionReason } = context;
  // These texts are masked, because a person who may decode payloads sees them too.
  const show = (text: string): string => hideSecrets(text, context);
  return {
    buildId,
    jobId: job.id,
    jobName: cut(show(job.job_info.name)),
    jobStage: cut(show(job.job_info.stage)),
    projectId: job.job_info.project_id,
    projectPath: cut(show(projectPath(context))),
    pipelineId: job.job_info.pipeline_id,
    ref: cut(show(job.git_info.ref)),
    jobUrl: show(jobUrl(job)),
    runnerKey: runner.key,
    runnerName: runner.name,
    plan,
    offer: entropy,
    protocol: NODE_PROTOCOL,
    visible: visibleJob(context, view),
    rejection: rejection === undefined ? undefined : show(rejection),
    ...(rejectionReason !== undefined && { rejectionReason }),
  };
}

/** The rules for what people may see of a job in Temporal. */
export interface JobView {
  /** False: names that people chose stay encrypted. */
  readonly showsNames: boolean;
  /**
   * Hashes a name, so that builds can be found by secret names; absent when they cannot be found.
   */
  readonly hashName?: ((name: string) => string) | undefined;
  /** Whether Temporal knows the search attributes of builds. */
  readonly hasAttributes: boolean;
  readonly node: string;
}

const PLAIN_VIEW: JobView = { showsNames: true, hasAttributes: false, node: '' };

function visibleJob(context: BuildContext, view: JobView): VisibleJob {
  const { job } = context;
  const names = view.showsNames ? visibleNames(context) : {};
  const url = view.showsNames ? hideSecrets(jobUrl(job), context) : '';
  return {
    ...names,
    ...(/^https?:[^\s()<>]+$/.test(url) && { link: `[job #${job.id} in GitLab](${url})` }),
    ...(view.hasAttributes && { attributes: attributesOf(context, view) }),
  };
}

function visibleNames(context: BuildContext): Pick<VisibleJob, 'project' | 'jobName' | 'ref'> {
  const { project, jobName, ref } = namesOf(context, (name) => cut(hideSecrets(name, context)));
  return { ...(project && { project }), ...(jobName && { jobName }), ...(ref && { ref }) };
}

/** Returns the names that people have chosen, as they are shown. */
function namesOf(context: BuildContext, show: (name: string) => string) {
  const { job_info: info, git_info: git } = context.job;
  const [project, jobName, ref] = [projectPath(context), info.name, git.ref].map((name) =>
    name === '' ? '' : show(name),
  );
  return { project, jobName, ref, runner: show(context.runner.name) };
}

function attributesOf(context: BuildContext, view: JobView): JobAttributes {
  const { job, runner } = context;
  return {
    GitLabHost: /^[a-z]+:\/\/([^/]*)/i.exec(cleanUrl(runner.url))?.[1] ?? '',
    JobId: job.id,
    PipelineId: job.job_info.pipeline_id,
    Node: view.node,
    Result: 'running',
    // The attribute is set at the start, so that a build does not begin with a change of it. A
    // rejected build has no stages.
    ...(context.rejection === undefined && { Stage: 'prepare_executor' }),
    ...nameAttributes(context, view),
  };
}

/** Returns the attributes with names, in the clear or as hashes of the whole names. */
function nameAttributes(context: BuildContext, { showsNames, hashName }: JobView): JobAttributes {
  const show = showsNames ? (name: string) => cut(hideSecrets(name, context)) : hashName;
  if (show === undefined) return {};
  const { project, jobName, ref, runner } = namesOf(context, show);
  return {
    ...(project && { Project: project }),
    ...(jobName && { JobName: jobName }),
    ...(ref && { Ref: ref }),
    Runner: runner,
  };
}

/** Returns the path of the project with its groups. Older GitLabs only have it as a variable. */
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
