/**
 * The release of gitlab-runner whose behaviour this program implements. GitLab compares it with its
 * own version. Jobs see it, because scripts and image names depend on it. This program's own
 * version appears in the header of a job's log, in User-Agent and in `--version`.
 */
export const GITLAB_RUNNER_RELEASE = '19.4.0';
