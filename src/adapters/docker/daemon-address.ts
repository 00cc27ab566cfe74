import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { join } from 'node:path';
import type DockerModem from 'docker-modem';
import { FailureType, FinalError } from '../../domain/failure.ts';
import type { DockerConfig } from '../../domain/runner/config.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type DaemonConfig = Pick<DockerConfig, 'host' | 'tlsCertPath' | 'tlsVerify'>;

export type DaemonAddress =
  | { readonly kind: 'unix'; readonly label: string; readonly socketPath: string }
  | {
      readonly kind: 'tcp';
      readonly label: string;
      /** An IPv6 address has its brackets, because the client parses the host as part of a URL. */
      readonly host: string;
      readonly port: number;
      readonly tls: DaemonTls | undefined;
    };

export interface DaemonTls {
  readonly certPath: string;
  readonly isVerified: boolean;
}

const DEFAULT_SOCKET = '/var/run/docker.sock';
const DEFAULT_HOST = `unix://${DEFAULT_SOCKET}`;

/**
 * Returns the daemon's address: the config's `host` with its own TLS settings, otherwise the
 * environment's with its own, otherwise the usual socket. The label is safe to show.
 */
export function resolveDaemonAddress(docker: DaemonConfig, env: Environment): DaemonAddress {
  const host = [docker.host, env.DOCKER_HOST].find(isGiven) ?? DEFAULT_HOST;
  if (host.startsWith('unix://')) {
    const path = host.slice('unix://'.length);
    const socketPath = path === '' ? DEFAULT_SOCKET : path;
    return { kind: 'unix', label: `unix://${socketPath}`, socketPath };
  }
  const url = parseUrl(host);
  const isTcp = ['tcp:', 'http:', 'https:'].includes(url.protocol);
  if (!isTcp || url.hostname === '') throw unsupportedHost(host);
  const tls = resolveTls(docker, env, url);
  const usualPort = tls === undefined ? 2375 : 2376;
  const port = url.port === '' ? usualPort : Number(url.port);
  return {
    kind: 'tcp',
    label: `tcp://${url.hostname}:${port}`,
    host: url.hostname,
    port,
    tls,
  };
}

/** Whether a setting has a value. An empty one counts as unset. */
function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function resolveTls(docker: DaemonConfig, env: Environment, url: URL): DaemonTls | undefined {
  const { tlsCertPath, tlsVerify } = docker;
  if (isGiven(tlsCertPath)) return { certPath: tlsCertPath, isVerified: tlsVerify };
  const isVerified = tlsVerify || isGiven(env.DOCKER_TLS_VERIFY);
  // The certificate directory alone does not turn TLS on, because it is often set for all of a
  // user's programs.
  if (!isVerified && url.protocol !== 'https:') return undefined;
  const certPath = env.DOCKER_CERT_PATH;
  if (isGiven(certPath)) return { certPath, isVerified };
  throw new FinalError(
    FailureType.InvalidConfig,
    `Docker at ${url.host} is to be reached by TLS, but no certificates are given: set tls_cert_path in [runners.docker] or DOCKER_CERT_PATH`,
  );
}

/**
 * Returns the client's options. Every option that the client would read from the environment is set
 * explicitly, even to undefined, because the config's host overrides DOCKER_HOST.
 */
export function dockerodeOptions(address: DaemonAddress): DockerModem.ConstructorOptions {
  const none = { ca: undefined, cert: undefined, key: undefined, timeout: undefined };
  // Connections are not reused, because one that a restarted daemon closed would fail the next
  // call.
  if (address.kind === 'unix') {
    const { socketPath } = address;
    const agent = new HttpAgent({ keepAlive: false });
    return { ...none, host: undefined, port: undefined, protocol: 'http', socketPath, agent };
  }
  const { host, port, tls } = address;
  const base = { ...none, host, port, socketPath: undefined };
  if (tls === undefined) {
    return { ...base, protocol: 'http', agent: new HttpAgent({ keepAlive: false }) };
  }
  return { ...base, protocol: 'https', agent: new DaemonAgent(tls) };
}

/**
 * Connects with the certificates that are in their files at that moment, because they are renewed
 * while a node runs. While the files cannot be read, the last ones are used.
 */
class DaemonAgent extends HttpsAgent {
  readonly #tls: DaemonTls;

  constructor(tls: DaemonTls) {
    const { isVerified: rejectUnauthorized } = tls;
    super({ ...readCertificates(tls), keepAlive: false, maxCachedSessions: 0, rejectUnauthorized });
    this.#tls = tls;
  }

  override createConnection(...[options, callback]: Parameters<HttpsAgent['createConnection']>) {
    try {
      Object.assign(this.options, readCertificates(this.#tls));
    } catch {
      // They may be in the middle of their renewal.
    }
    const { ca, cert, key } = this.options;
    return super.createConnection({ ...options, ca, cert, key }, callback);
  }
}

function readCertificates(tls: DaemonTls) {
  return {
    ca: readPem(tls, 'ca.pem'),
    cert: readPem(tls, 'cert.pem'),
    key: readPem(tls, 'key.pem'),
  };
}

function readPem({ certPath }: DaemonTls, name: string): Buffer {
  const path = join(certPath, name);
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new FinalError(
      FailureType.InvalidConfig,
      `cannot read ${path}, which TLS to Docker needs: correct tls_cert_path in [runners.docker] or DOCKER_CERT_PATH`,
      { cause },
    );
  }
}

function parseUrl(host: string): URL {
  const text = host.includes('://') ? host : `tcp://${host}`;
  if (!URL.canParse(text)) throw unsupportedHost(host);
  return new URL(text);
}

function unsupportedHost(host: string): FinalError {
  const shown = host.replace(/\/\/[^@/]*@/, '//');
  return new FinalError(
    FailureType.InvalidConfig,
    `Docker host "${shown}" is not supported: use unix:///path, tcp://host:port or https://host:port in [runners.docker] host or DOCKER_HOST`,
  );
}
