/**
 * The paths of a stage's files in its container, each bind-mounted from the build's directory on
 * the node. The script is read-only. The stage's wrapper appends to the output and replaces the
 * state, so neither a dead worker nor a restarted dockerd loses a byte. The next-stage file and the
 * wake-up pipe exist only in containers that wait for their stages: see `waitingHelperCommand`.
 */
export const STAGE_MOUNTS = {
  script: '/.temporal-gitlab-runner/script',
  output: '/.temporal-gitlab-runner/output',
  state: '/.temporal-gitlab-runner/state',
  nextStage: '/.temporal-gitlab-runner/turn',
  wakePipe: '/.temporal-gitlab-runner/bell',
} as const;
