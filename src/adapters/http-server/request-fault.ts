import type { IncomingMessage } from 'node:http';

/** No client of ours sends more, and Node silently drops those after the two-thousandth. */
const MAX_HEADERS = 200;

/**
 * The status with which a request is refused, whatever it asks for; undefined when it is well formed.
 * Two hosts are refused because a proxy on the way may have gone by the other one. Node looks after the
 * rest, but not where a request asks for an upgrade. Source: RFC 9112, 3.2; RFC 9110, 10.1.1.
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
