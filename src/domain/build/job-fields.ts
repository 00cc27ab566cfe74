import { jobUrl } from '../context/names.ts';
import type { BuildContext } from '../context/context.ts';
import { hideSecrets } from '../runner/answer-text.ts';
import { projectPath } from './summary.ts';

/** GitLab allows names and refs of this length, which keeps a log line readable. */
const MAX_TEXT_LENGTH = 255;
const MAX_URL_LENGTH = 1024;

/** The fields that identify a job on every line of the node's log. */
export type JobFields = Readonly<Record<string, string | number>>;

/**
 * Returns fields that identify a job for an operator: its number, name, project, ref and runner,
 * and the address of its page. They contain no secret: values of masked variables are hidden. Texts
 * that people choose are cut.
 */
export function jobFields({ job, runner }: Pick<BuildContext, 'job' | 'runner'>): JobFields {
  const secrets = job.variables.filter(({ masked }) => masked).map(({ value }) => value);
  const show = (text: string, maxLength = MAX_TEXT_LENGTH): string =>
    cut(hideSecrets(text, secrets), maxLength);
  return {
    job: job.id,
    job_name: show(job.job_info.name),
    project: job.job_info.project_id,
    project_path: show(projectPath({ job })),
    ref: show(job.git_info.ref),
    runner: runner.key,
    runner_name: runner.name,
    url: show(jobUrl(job), MAX_URL_LENGTH),
  };
}

function cut(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1)}…`;
}
