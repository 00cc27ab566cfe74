/**
 * The address and token of a build's web terminal. They are secret, and kept in the build's record.
 */
export interface SessionKeys {
  /** A part of the path: 64 hex digits. */
  readonly id: string;
  /** The whole `Authorization` header: 64 hex digits. */
  readonly token: string;
}

/**
 * A session as a job request announces it. Source: gitlab-runner `common/network.go` (SessionInfo).
 */
export interface SessionOffer extends SessionKeys {
  /** `https://<advertised address>/session/<id>`. */
  readonly url: string;
  /** PEM of the server's own certificate, which GitLab pins. */
  readonly certificatePem: string;
}

/** What a request to the session server asks for. */
export interface SessionTarget {
  readonly id: string;
  /** `proxy`: a connection to a service of the job, which this executor does not support. */
  readonly kind: 'terminal' | 'proxy';
}

/** Path of a session at the session server. */
export function sessionPath(id: string): string {
  return `/session/${id}`;
}

/**
 * Reads the target of a request, with or without a query; undefined when it names no session.
 * Source: gitlab-runner `session/session.go` (setMux, parseProxyParams).
 */
export function parseSessionTarget(target: string): SessionTarget | undefined {
  const [path = ''] = target.split('?', 1);
  const [, id = '', rest = ''] = /^\/session\/([0-9a-f]{64})\/(.*)$/.exec(path) ?? [];
  if (rest === 'exec') return { id, kind: 'terminal' };
  return rest.startsWith('proxy/') ? { id, kind: 'proxy' } : undefined;
}

/**
 * Formats the line for a job that ends while its terminal is open. Source: gitlab-runner
 * `common/build.go`.
 */
export function connectedLine(timeout: string): string {
  return `Terminal is connected, will time out in ${timeout}...`;
}

/** Source: gitlab-runner `common/build.go` (waitForTerminal). */
export function timedOutLine(timeout: string): string {
  return `terminal session timed out (maximum time allowed - ${timeout})`;
}

/** Source: gitlab-runner `common/build.go` (waitForTerminal). */
export const DISCONNECTED_LINE = 'Terminal disconnected';
