/**
 * Where a container finds the files of its stage, each bind-mounted from the build's directory on
 * the node. The script is read-only. The stage's wrapper appends to the output and replaces the
 * state, so neither a dead worker nor a restarted dockerd loses a byte.
 */
export const STAGE_MOUNTS = {
  script: '/.temporal-gitlab-runner/script',
  output: '/.temporal-gitlab-runner/output',
  state: '/.temporal-gitlab-runner/state',
} as const;
