import { FailureType } from '../failure.ts';

/** How a failed pull is counted. */
export type PullFailure =
  | typeof FailureType.ExternalDependency
  | typeof FailureType.RunnerConfiguration
  | typeof FailureType.ImagePull;

/**
 * Number of tries of one pull. **Source:** gitlab-runner
 * `executors/docker/internal/pull/manager.go`.
 */
export const MAX_PULL_TRIES = 3;

const MIN_DELAY_MS = 2_000;
const MAX_DELAY_MS = 10_000;

/** The daemon's words for a registry or a network that does not answer. Another try may help. */
const NETWORK_WORDS = [
  'dial tcp',
  'connection refused',
  'no such host',
  'i/o timeout',
  'tls handshake',
  'client.timeout exceeded',
  'request canceled',
  'connection reset',
];

/** The daemon's words for an image that is missing or forbidden. Another try does not help. */
const REFUSAL_WORDS = [
  'not found',
  'manifest unknown',
  'pull access denied',
  'access to the resource is denied',
  'no basic auth credentials',
  'repository does not exist or may require',
  'unauthorized',
  'authentication required',
];

/**
 * Matches Podman's words for the same. It quotes the code of the registry's answer ("reading
 * manifest 1 in r/x: name unknown: …") where Docker says "not found" or "pull access denied".
 */
const PODMAN_REFUSAL =
  /reading manifest \S+ in \S+: (?:denied|name unknown)\b|pinging container registry \S+: invalid status code from registry 403\b/;

/**
 * Classifies a failed pull by the daemon's message, which is the only sign there is. Network words
 * are checked first, because the message of a failed lookup may contain "not found" as well.
 * **Source:** gitlab-runner `common/classify_image_pull_failure.go`.
 */
export function classifyPullFailure(message: string): PullFailure {
  const lower = message.toLowerCase();
  const says = (words: readonly string[]): boolean => words.some((word) => lower.includes(word));
  if (says(NETWORK_WORDS)) return FailureType.ExternalDependency;
  const isRefused = says(REFUSAL_WORDS) || PODMAN_REFUSAL.test(lower);
  return isRefused ? FailureType.RunnerConfiguration : FailureType.ImagePull;
}

/**
 * Matches the daemon's words for a registry that answers but is overloaded or broken: "unexpected
 * HTTP status: 500", with containerd's image store "unexpected status from HEAD request to
 * http://…: 500", and with Podman "invalid status code from registry 500".
 */
const TROUBLE =
  /toomanyrequests|unavailable|invalid status code from registry (?:429|5\d\d)\b|unexpected (?:http )?status(?: code| from \w+ request to)?\b[^\n]*: (429|5\d\d)\b|\beof\b/;

/**
 * Matches Podman's words for a layer that it had when it began to pull: the image that shared the
 * layer has been removed meanwhile, as by a clean-up of the node. The next try gets the layer.
 */
const LOST_LAYER = /\blayer not known\b/;

/**
 * Matches Podman's words for a limit that it has waited for itself, with twenty requests in two
 * minutes.
 */
const WAITED_FOR = /^initializing source docker:[^\n]*: toomanyrequests\b/;

/**
 * Whether another try of a failed pull may succeed, by the daemon's message. gitlab-runner retries
 * only network failures. This runner also retries an overloaded registry, which is as likely to
 * recover.
 * **Source:** gitlab-runner `executors/docker/internal/pull/manager.go` (shouldRetryImagePull).
 */
export function mayPullPass(message: string): boolean {
  const kind = classifyPullFailure(message);
  if (kind === FailureType.RunnerConfiguration) return false;
  if (kind === FailureType.ExternalDependency) return true;
  const lower = message.toLowerCase();
  return !WAITED_FOR.test(lower) && (TROUBLE.test(lower) || LOST_LAYER.test(lower));
}

/**
 * Milliseconds to wait before a pull is tried again, 2 to 10 s. The pause grows with the tries
 * made. `random` of [0, 1) spreads nodes that lost the same registry. **Source:** gitlab-runner
 * `executors/docker/internal/pull/manager.go`.
 */
export function planPullDelayMs(triesMade: number, random: number): number {
  const ceilingMs = Math.min(MAX_DELAY_MS, MIN_DELAY_MS * 2 ** triesMade);
  return Math.round(MIN_DELAY_MS + (ceilingMs - MIN_DELAY_MS) * random);
}
