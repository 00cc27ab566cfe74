import { parseGlob } from '../files/glob.ts';
import { FailureType, FinalError } from '../failure.ts';

/** An image, and the patterns that it must match. */
export interface AllowedImageInput {
  /** The image's name from the job, with variables expanded. */
  readonly image: string;
  /** Key of the configuration that lists the patterns, for the message. */
  readonly key: 'allowed_images' | 'allowed_services';
  readonly allowed: readonly string[];
  /** Images that the configuration itself names. These are always allowed. */
  readonly configured: readonly string[];
}

/**
 * Throws `RunnerConfiguration` when the configuration restricts images and this one matches no
 * pattern. Source: gitlab-runner `common/allowed_images.go`.
 */
export function assertAllowedImage(input: AllowedImageInput): void {
  const { image, key, allowed, configured } = input;
  const isAllowed = allowed.length === 0 || matchesAny(image, allowed);
  if (isAllowed || configured.includes(image)) return;
  const kind = key === 'allowed_images' ? 'images' : 'services';
  throw new FinalError(
    FailureType.RunnerConfiguration,
    `the ${JSON.stringify(image)} image is not present on list of allowed ${kind}: ` +
      `${allowed.map((pattern) => JSON.stringify(pattern)).join(', ')}; ` +
      `use one of them, or have ${key} of the runner's configuration changed`,
  );
}

/**
 * Whether a container of this image may be privileged when the configuration turns privileges on.
 * Every image may, unless patterns are listed. Source: gitlab-runner `executors/docker/docker.go`
 * (isInAllowedPrivilegedImages).
 */
export function mayBePrivileged(image: string, patterns: readonly string[]): boolean {
  return patterns.length === 0 || matchesAny(image, patterns);
}

/**
 * A malformed pattern matches nothing, so that a typing error cannot open a list that restricts.
 */
export function matchesAny(image: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => parseGlob(pattern)?.matches(image) === true);
}
