const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  '': 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};

const SIZE = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])i?)?b?$/i;

/**
 * Bytes of a size such as `128m`, `1.5g`, `64KiB` or `1024`; units are powers of 1024. undefined
 * when it is malformed or too large to count. Source: docker/go-units `RAMInBytes`.
 */
export function parseMemoryBytes(text: string): number | undefined {
  const [, number, unit = ''] = SIZE.exec(text) ?? [];
  if (number === undefined) return undefined;
  const bytes = Math.trunc(Number(number) * (BYTES_PER_UNIT[unit.toLowerCase()] ?? 1));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

const NANO = 1e9;
const CPUS = /^(\d+(?:\.\d*)?|\.\d+)(?:\/(\d+)|e([-+]?\d{1,2}))?$/i;

/**
 * Billionths of a core for `cpus`, written `2`, `0.5`, `5e-1` or `1/2`. undefined when it is
 * malformed. Source: gitlab-runner `common/config.go` (computeNanoCPUs).
 */
export function parseNanoCpus(text: string): number | undefined {
  const [, number, divisor = '1', exponent = '0'] = CPUS.exec(text) ?? [];
  if (number === undefined || (divisor !== '1' && number.includes('.'))) return undefined;
  // The exponent is part of the number's text, so that 5e-1 is exactly a half.
  const nanoCpus = Math.trunc((Number(`${number}e${exponent}`) / Number(divisor)) * NANO);
  return Number.isSafeInteger(nanoCpus) ? nanoCpus : undefined;
}
