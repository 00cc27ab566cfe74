import { BlockList, isIP } from 'node:net';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Returns the proxy for a URL by HTTP_PROXY, HTTPS_PROXY and NO_PROXY, with the rules of Go's
 * clients: localhost and loopback addresses never use one. Source: golang.org/x/net/http/httpproxy.
 */
export function proxyFor(url: URL, env: Environment): string | undefined {
  const proxy = url.protocol === 'https:' ? read(env, 'HTTPS_PROXY') : read(env, 'HTTP_PROXY');
  if (proxy === undefined || isExempt(url, read(env, 'NO_PROXY') ?? '')) return undefined;
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}

function read(env: Environment, name: string): string | undefined {
  const value = env[name] || env[name.toLowerCase()];
  return value === undefined || value.trim() === '' ? undefined : value.trim();
}

function isExempt(url: URL, noProxy: string): boolean {
  if (isThisMachine(url)) return true;
  const host = hostOf(url);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return noProxy
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== '' && exempts(entry, host, port));
}

function exempts(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isInSubnet(entry, host);
  const { name, wantedPort } = splitPort(entry);
  if (wantedPort !== undefined && wantedPort !== port) return false;
  if (isIP(name) !== 0) return name === host;
  const suffix = name.replace(/^\*(?=\.)/, '');
  if (suffix.startsWith('.')) return host.endsWith(suffix);
  return host === suffix || host.endsWith(`.${suffix}`);
}

function splitPort(entry: string): { name: string; wantedPort: string | undefined } {
  if (isIP(entry) !== 0) return { name: entry, wantedPort: undefined };
  const [, name = entry, wantedPort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry) ?? [];
  return { name, wantedPort };
}

/** Whether a URL leads to this machine itself, and so through no proxy. */
export function isThisMachine(url: URL): boolean {
  const host = hostOf(url);
  return host === 'localhost' || isLoopback(host);
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '').toLowerCase();
}

/**
 * Whether `host` is a loopback address. It is an IP address without brackets; a name is never a
 * loopback address.
 */
export function isLoopback(host: string): boolean {
  return host === '::1' || isInSubnet('127.0.0.0/8', host);
}

function isInSubnet(subnet: string, host: string): boolean {
  const [address = '', prefix = ''] = subnet.split('/');
  const family = familyOf(address);
  if (family === undefined || family !== familyOf(host) || !/^\d{1,3}$/.test(prefix)) return false;
  if (Number(prefix) > (family === 'ipv4' ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(address, Number(prefix), family);
  return list.check(host, family);
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}
