/** The parts of an image reference, which need not be a valid one. */
export interface ImageReference {
  /** The registry with its port, and the path. */
  readonly name: string;
  readonly tag: string | undefined;
  /** The digest without its `@`. */
  readonly digest: string | undefined;
}

/** Splits `name[:tag][@digest]`. A colon before the last slash belongs to a registry's port. */
export function splitReference(text: string): ImageReference {
  const at = text.indexOf('@');
  const tagged = at === -1 ? text : text.slice(0, at);
  const colon = tagged.indexOf(':', tagged.lastIndexOf('/') + 1);
  return {
    name: colon === -1 ? tagged : tagged.slice(0, colon),
    tag: colon === -1 ? undefined : tagged.slice(colon + 1),
    digest: at === -1 ? undefined : text.slice(at + 1),
  };
}

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
  const { name, tag, digest } = splitReference(reference);
  return { fromImage: name, tag: digest ?? tag ?? 'latest' };
}

/**
 * Whether a reference is an image's own id. Such an image is never pulled: no registry knows it.
 * **Source:** gitlab-runner `executors/docker/internal/pull/manager.go`
 * (getImageUsingPullPolicy).
 */
export function isImageId(reference: string): boolean {
  return /^(sha256:)?[0-9a-f]{64}$/.test(reference);
}
