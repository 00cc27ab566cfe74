/**
 * Whether a text is an IPv4 or IPv6 address, optionally with a zone. Source: Go `netip.ParseAddr`.
 */
export function isIpAddress(text: string): boolean {
  const [address = '', ...zone] = text.split('%');
  if (zone.length > 0) return address.includes(':') && zone.join('') !== '' && isIpv6(address);
  return address.includes(':') ? isIpv6(address) : isIpv4(address);
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => OCTET.test(part) && Number(part) <= 255);
}

/** A leading zero means octal to some programs and decimal to others, so it is refused. */
const OCTET = /^(?:0|[1-9]\d{0,2})$/;

function isIpv6(text: string): boolean {
  const tail = text.slice(text.lastIndexOf(':') + 1);
  const hasIpv4 = tail.includes('.');
  if (hasIpv4 && !isIpv4(tail)) return false;
  // The last 32 bits in IPv4 notation count as two groups.
  const groups = hasIpv4 ? `${text.slice(0, -tail.length)}0:0` : text;
  const halves = groups.split('::');
  const all = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const isRightLength =
    halves.length === 1 ? all.length === 8 : halves.length === 2 && all.length < 8;
  return isRightLength && all.every((group) => /^[0-9a-f]{1,4}$/i.test(group));
}

/**
 * A MAC address in the form that Docker takes, from any of its three usual spellings. undefined
 * when it is not one. Source: Go `net.ParseMAC`.
 */
export function parseMacAddress(text: string): string | undefined {
  const isMac =
    /^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i.test(text) ||
    /^(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}$/i.test(text);
  if (!isMac) return undefined;
  const digits = text.replace(/[^0-9a-f]/gi, '').toLowerCase();
  return digits.replace(/..(?=.)/g, '$&:');
}
