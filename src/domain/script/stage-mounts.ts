/**
 * Where a container of a build finds its stage's files, bind-mounted one by one from the build's
 * directory on the node. The script is read-only; output and state are appended to and replaced by
 * the stage's wrapper, so that neither a dead worker nor a restarted dockerd can lose a byte.
 */
export const STAGE_MOUNTS = {
  script: '/.temporal-gitlab-runner/script',
  output: '/.temporal-gitlab-runner/output',
  state: '/.temporal-gitlab-runner/state',
} as const;
