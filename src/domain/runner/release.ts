/**
 * The release of gitlab-runner that this program does the work of. GitLab is told so, as it compares
 * the version of a runner with its own; jobs are, as scripts and the names of images are made of
 * it. Our own version stands in the header of a job's log, in User-Agent and in `--version`.
 */
export const GITLAB_RUNNER_RELEASE = '19.4.0';
