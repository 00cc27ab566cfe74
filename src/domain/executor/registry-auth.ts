import { decodeBase64 } from '../base64.ts';
import { isObject } from '../is-object.ts';
import type { JobCredential } from '../job/payload.ts';
import { withoutTrailing } from '../without-trailing.ts';
import { splitReference } from './image-reference.ts';

/** Credentials of one registry, or of one path of it. Password and token are secret. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  /** Replaces user name and password, for registries that hand out such tokens. */
  readonly identityToken?: string;
  /** The server as the source writes it: a host, a path below one, or `https://host/v1/`. */
  readonly server: string;
}

/** One source of credentials. Its name is safe to show. */
export interface AuthSource {
  readonly name: string;
  readonly entries: readonly RegistryAuth[];
  /** Which part of the source cannot be used, without secrets; undefined when all can. */
  readonly problem: string | undefined;
  /** Helper programs that have more credentials. */
  readonly helpers?: CredentialHelpers;
}

/**
 * Names of programs `docker-credential-<name>`. Source: docker/cli, `credsStore` and
 * `credHelpers`.
 */
export interface CredentialHelpers {
  /** The program that is asked for every server that it lists; empty when there is none. */
  readonly store: string;
  /** The programs by the servers that they are asked for. */
  readonly byServer: Readonly<Record<string, string>>;
}

/** Credentials for an image and where they were found. */
export interface AuthMatch extends RegistryAuth {
  readonly source: string;
}

const HUB = 'docker.io';

/**
 * Reads the `auths` of a docker config.json, or the older `.dockercfg`, which has the content of
 * `auths` at its top. Empty text is a source without entries. Broken text gives no entries and a
 * `problem`, and the pull continues without this source. Never throws.
 * **Source:** gitlab-runner `helpers/docker/auth/auth.go`, docker/cli `configfile.LoadFromReader`.
 */
export function parseDockerConfig(name: string, text: string): AuthSource {
  if (text.trim() === '') return { name, entries: [], problem: undefined };
  const config = parseObject(text);
  if (config === undefined) return broken(name, 'it is not a JSON object');
  const helpers = parseHelpers(config);
  if (typeof helpers === 'string') return broken(name, helpers);
  const entries = parseEntries(config);
  if (typeof entries === 'string') return broken(name, entries);
  return { name, entries, problem: undefined, ...(helpers !== undefined && { helpers }) };
}

/** The credentials that the config itself contains, or what is wrong with it. */
function parseEntries(config: Readonly<Record<string, unknown>>): readonly RegistryAuth[] | string {
  const auths = 'auths' in config ? config.auths : isLegacy(config) ? config : {};
  if (!isObject(auths)) return '"auths" is not an object';
  const entries: RegistryAuth[] = [];
  for (const server of Object.keys(auths).sort()) {
    const entry = parseEntry(server, auths[server]);
    if (typeof entry === 'string') return entry;
    const { username, password, identityToken = '' } = entry;
    if (`${username}${password}${identityToken}` !== '') entries.push(entry);
  }
  return entries;
}

/**
 * The credentials that came with the job, as a source.
 * **Source:** gitlab-runner `helpers/docker/auth/auth.go`, `getBuildConfiguration`.
 */
export function authSourceOfJob(credentials: readonly JobCredential[]): AuthSource {
  return {
    name: 'job payload (GitLab Registry)',
    problem: undefined,
    entries: credentials
      .filter(({ type }) => type === 'registry')
      .map(({ url, username, password }) => ({ server: url, username, password })),
  };
}

/**
 * Returns the credentials for a pull; undefined for an anonymous pull. Among the entries whose path
 * contains the image, the longest path wins. If several sources have it, the first source wins.
 * **Source:** gitlab-runner `helpers/docker/auth/auth.go`, `ConfigForImage`.
 */
export function findRegistryAuth(
  image: string,
  sources: readonly AuthSource[],
): AuthMatch | undefined {
  const byPath = new Map<string, AuthMatch>();
  for (const { name, entries } of sources) {
    for (const auth of entries) {
      const path = registryPath(auth.server);
      if (!byPath.has(path)) byPath.set(path, { ...auth, source: name });
    }
  }
  for (let path = imagePath(image); path !== ''; path = parentPath(path)) {
    const match = byPath.get(path);
    if (match !== undefined) return match;
  }
  return undefined;
}

/**
 * Whether credentials of this server apply to an image, by its registry or by a part of its path.
 */
export function isServerOf(server: string, image: string): boolean {
  const path = registryPath(server);
  return path !== '' && `${imagePath(image)}/`.startsWith(`${path}/`);
}

/**
 * The server name that an engine gets with the credentials for an image. Engines with containerd's
 * image store send credentials only to exactly this host; others ignore the name. So it is the
 * image's own host and not the name in the source, which may be spelled differently. **Source:**
 * moby `daemon/containerd/resolver.go` (authorizationCredsFromAuthConfig).
 */
export function serverOfImage(image: string): string {
  const [host = ''] = imagePath(image).split('/');
  return host === HUB ? 'https://index.docker.io/v1/' : (image.split('/')[0] ?? '');
}

/** Path of the registry and repository of an image, without tag and digest: `docker.io/alpine`. */
function imagePath(image: string): string {
  const { name: path } = splitReference(image);
  const host = path.split('/', 1)[0] ?? '';
  const isHub = !path.includes('/') || !(/[.:]/.test(host) || host.toLowerCase() === 'localhost');
  return withNormalHost(isHub ? `${HUB}/${path}` : path);
}

function registryPath(server: string): string {
  const url = /^https?:\/\/([^/]*)/i.exec(server);
  if (url !== null) return withNormalHost(url[1] ?? '');
  const path = server.replace(/\/$/, '');
  const pathStart = path.lastIndexOf('/');
  const tag = path.lastIndexOf(':');
  return withNormalHost(pathStart !== -1 && tag > pathStart ? path.slice(0, tag) : path);
}

function withNormalHost(path: string): string {
  const slash = path.indexOf('/');
  const host = (slash === -1 ? path : path.slice(0, slash)).toLowerCase();
  const rest = slash === -1 ? '' : path.slice(slash);
  return (host === `index.${HUB}` ? HUB : host) + rest;
}

function parentPath(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** Returns the entry, or what is wrong with it. */
function parseEntry(server: string, value: unknown): RegistryAuth | string {
  if (!isObject(value)) return `the entry of "${server}" is not an object`;
  const text = (key: string): string => (typeof value[key] === 'string' ? value[key] : '');
  const identityToken = text('identitytoken');
  const token = identityToken === '' ? {} : { identityToken };
  const encoded = text('auth');
  if (encoded === '') {
    return { server, username: text('username'), password: text('password'), ...token };
  }
  const decoded = decodeText(encoded);
  const colon = decoded?.indexOf(':') ?? -1;
  if (decoded === undefined || colon < 1) {
    return `"auth" of "${server}" is not the base64 of user:password`;
  }
  // Docker pads the encoded value with zero bytes.
  const password = withoutTrailing(decoded.slice(colon + 1), '\0');
  return { server, username: decoded.slice(0, colon), password, ...token };
}

/** The helpers that a config names, or what is wrong with them; undefined when it names none. */
function parseHelpers(
  config: Readonly<Record<string, unknown>>,
): CredentialHelpers | string | undefined {
  const { credsStore: store = '', credHelpers = {} } = config;
  if (typeof store !== 'string') return '"credsStore" is not a text';
  if (!isObject(credHelpers)) return '"credHelpers" is not an object';
  const byServer: Record<string, string> = {};
  for (const [server, helper] of Object.entries(credHelpers)) {
    if (typeof helper !== 'string') return `"credHelpers" of "${server}" is not a text`;
    byServer[server] = helper;
  }
  if (store === '' && Object.keys(byServer).length === 0) return undefined;
  return { store, byServer };
}

/** The keys of a `.dockercfg` are hosts; those of a config.json without `auths` are settings. */
function isLegacy(config: Readonly<Record<string, unknown>>): boolean {
  const values = Object.values(config);
  return values.length > 0 && values.every((value) => isObject(value) && 'auth' in value);
}

function broken(name: string, problem: string): AuthSource {
  return { name, entries: [], problem };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Decodes base64, with blanks and without padding too; undefined for any other text. */
function decodeText(base64: string): string | undefined {
  const digits = withoutTrailing(base64.replace(/\s/g, ''), '=');
  if (/[^A-Za-z0-9+/]/.test(digits)) return undefined;
  return new TextDecoder().decode(decodeBase64(digits));
}
