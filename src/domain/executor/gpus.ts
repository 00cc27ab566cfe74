import type { DeviceRequest } from './specs.ts';

/**
 * Parses `gpus`, which has the syntax of `docker run --gpus`: `all`, a number, or fields such as
 * `"device=0,1"`. Returns a text that describes the fault when it is malformed, and undefined when
 * it asks for nothing. Source: gitlab-runner `executors/docker/docker.go`
 * (bindContainerDeviceRequests), docker/cli `opts/gpus.go`.
 */
export function parseGpus(text: string): DeviceRequest | string | undefined {
  if (text.trim() === '') return undefined;
  const fields = splitFields(text);
  if (fields === undefined) return 'a quote is missing, or stands where it must not';
  let request: DeviceRequest = {
    driver: '',
    count: 1,
    deviceIds: [],
    capabilities: [['gpu']],
    options: {},
  };
  const seen = new Set<string>();
  for (const field of fields) {
    const [key, value] = readField(field);
    if (seen.has(key)) return `${JSON.stringify(key)} can be specified only once`;
    seen.add(key);
    const part = readPart(key, value);
    if (typeof part === 'string') return part;
    request = { ...request, ...part };
  }
  // Docker refuses a count beside a list of devices.
  return seen.has('device') && !seen.has('count') ? { ...request, count: 0 } : request;
}

/** A field without `=` is a count. */
function readField(field: string): readonly [key: string, value: string] {
  const equals = field.indexOf('=');
  return equals === -1 ? ['count', field] : [field.slice(0, equals), field.slice(equals + 1)];
}

function readPart(key: string, value: string): Partial<DeviceRequest> | string {
  switch (key) {
    case 'driver':
      return { driver: value };
    case 'count':
      return readCount(value);
    case 'device':
      return { deviceIds: value.split(',') };
    case 'capabilities':
      return { capabilities: [[...value.split(','), 'gpu']] };
    case 'options':
      return readOptions(value);
    default:
      return `${JSON.stringify(key)} is none of driver, count, device, capabilities, options`;
  }
}

function readCount(text: string): Pick<DeviceRequest, 'count'> | string {
  if (text === 'all') return { count: -1 };
  return /^[-+]?\d{1,9}$/.test(text)
    ? { count: Number(text) }
    : `the count ${JSON.stringify(text)} is neither a whole number nor "all"`;
}

function readOptions(text: string): Pick<DeviceRequest, 'options'> | string {
  const fields = splitFields(text);
  if (fields === undefined) return 'a quote in its options is missing';
  const options = fields.map((field): readonly [string, string] => {
    const [key = '', ...rest] = field.split('=');
    return [key, rest.join('=')];
  });
  return { options: Object.fromEntries(options) };
}

/** Splits a line of comma-separated values. Values with commas are in double quotes. */
function splitFields(line: string): readonly string[] | undefined {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  while (field.lastIndex <= line.length) {
    const match = field.exec(line);
    if (match === null) return undefined;
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
    if (match[3] === '') return fields;
  }
  return undefined;
}
