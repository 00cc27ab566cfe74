import type { IncomingMessage } from 'node:http';

/** None of our clients sends more, and Node silently drops headers after the two-thousandth. */
const MAX_HEADERS = 200;

/**
 * Returns the status with which a request is refused, whatever it asks for; undefined when it is
 * well formed. A request with two hosts is refused, because a proxy on the way may have used the
 * other one. Node checks the rest, but not for a request that asks for an upgrade. Source: RFC
 * 9112, 3.2; RFC 9110, 10.1.1.
 */
export function requestFault(request: IncomingMessage): 400 | 417 | 431 | undefined {
  const { rawHeaders, httpVersion, headers } = request;
  if (rawHeaders.length > 2 * MAX_HEADERS) return 431;
  const hosts = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host');
  const isOld = httpVersion === '1.0';
  if (!(isOld || httpVersion === '1.1')) return 400;
  if (hosts.length > 1 || (hosts.length === 0 && !isOld)) return 400;
  return /^(100-continue)?$/i.test(headers.expect ?? '') ? undefined : 417;
}
