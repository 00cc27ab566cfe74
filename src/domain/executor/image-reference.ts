/** The two parts of an image reference that `POST /images/create` takes. */
export interface PullReference {
  readonly fromImage: string;
  /** A tag, or a digest `sha256:…`. */
  readonly tag: string;
}

/**
 * Splits a reference for a pull. A reference without tag and digest gets the tag `latest`, because
 * Docker would pull every tag otherwise. The tag is dropped when there is a digest too.
 * **Source:** Engine API `POST /images/create`; gitlab-runner
 * `executors/docker/internal/pull/manager.go` (pullDockerImage).
 */
export function splitPullReference(reference: string): PullReference {
  const at = reference.indexOf('@');
  const digest = at === -1 ? undefined : reference.slice(at + 1);
  const name = at === -1 ? reference : reference.slice(0, at);
  const colon = name.indexOf(':', name.lastIndexOf('/') + 1);
  const fromImage = colon === -1 ? name : name.slice(0, colon);
  const tag = colon === -1 ? 'latest' : name.slice(colon + 1);
  return { fromImage, tag: digest ?? tag };
}

/**
 * Whether a reference is an image's own id. Such an image is never pulled: no registry knows it.
 * **Source:** gitlab-runner `executors/docker/internal/pull/manager.go`
 * (getImageUsingPullPolicy).
 */
export function isImageId(reference: string): boolean {
  return /^(sha256:)?[0-9a-f]{64}$/.test(reference);
}
