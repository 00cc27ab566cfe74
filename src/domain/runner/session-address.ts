import { parseListenAddress, type ListenAddress } from './listen-address.ts';

/** `[session_server]` of config.toml. Source: gitlab-runner `common/config.go` (SessionServer). */
export interface SessionServerConfig {
  /** `host:port`; empty means no session server. */
  readonly listenAddress: string;
  /** The address at which GitLab reaches it, without a scheme; empty means the listen address. */
  readonly advertiseAddress: string;
  /** How long a job that has ended waits for its terminal to be closed. */
  readonly timeoutSeconds: number;
}

/** The default, in seconds. Source: gitlab-runner `common/consts.go` (DefaultSessionTimeout). */
export const DEFAULT_SESSION_TIMEOUT_SECONDS = 1800;

/** The address at which the session server listens, and the one that GitLab is told. */
export interface SessionAddress {
  readonly listen: ListenAddress;
  /** `https://host:port`. */
  readonly origin: string;
  /** The name or IP address that the certificate is for. */
  readonly host: string;
}

/**
 * Plans the addresses of a session server, or returns a text that tells what is wrong with them.
 * Source: gitlab-runner `session/server.go`, where an advertised name without a port gets the
 * certificate of the listen address.
 */
export function planSessionAddress({
  listenAddress,
  advertiseAddress,
}: SessionServerConfig): SessionAddress | string {
  const listen = parseListenAddress(listenAddress);
  if (listen === undefined) {
    return `[session_server].listen_address ${JSON.stringify(listenAddress)} is no host:port`;
  }
  const [key, advertised] =
    advertiseAddress === ''
      ? ['listen_address', listenAddress]
      : ['advertise_address', advertiseAddress];
  const given = `[session_server].${key} ${JSON.stringify(advertised)}`;
  if (/^[a-z]+:\/\//i.test(advertised)) return `${given} must not have a scheme: https is implied`;
  const address = parseListenAddress(advertised, HTTPS_PORT);
  if (address === undefined) return `${given} is no host:port`;
  const { host } = address;
  if (host === undefined) return `${given} has no host that GitLab could connect to`;
  return { listen, origin: `https://${advertised.trim()}`, host };
}

const HTTPS_PORT = 443;
