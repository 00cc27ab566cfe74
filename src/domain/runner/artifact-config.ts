/** `[runners.artifact]`: how long an upload may take. Source: gitlab-runner `common/config.go`. */
export interface ArtifactConfig {
  /** Time limit from the first byte of the request to the end of the answer. */
  readonly uploadTimeoutMs: number;
  /** Time limit from the last byte of the request to the header of the answer. */
  readonly responseHeaderTimeoutMs: number;
}

/** Source: gitlab-runner `common/consts.go`. */
export const DEFAULT_ARTIFACT_CONFIG: ArtifactConfig = {
  uploadTimeoutMs: 3_600_000,
  responseHeaderTimeoutMs: 600_000,
};
