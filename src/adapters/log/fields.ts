import { MASKED, maskTokens } from '../../domain/view/mask-tokens.ts';
import type { LogFields } from '../../ports/index.ts';
import { nameSources } from '../host/source-places.ts';

export interface LogRecord {
  readonly message: string;
  readonly fields: LogFields;
  /** True: errors include their stack, for debugging. */
  readonly withStack: boolean;
}

const SECRET_NAME =
  /(^|[_-])(token|password|passwd|secret|passphrase|authorization|cookie|(private|secret|access|api)[_-]?key)$/i;
const RESERVED: ReadonlySet<string> = new Set(['level', 'time', 'msg']);
const MAX_DEPTH = 4;

/**
 * Returns the fields of an event in one flat object: names in snake_case, errors as text, secrets
 * masked.
 */
export function presentFields({ message, fields, withStack }: LogRecord): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    const name = fieldName(key);
    if (value === undefined) continue;
    if (value instanceof Error) Object.assign(shown, presentError(name, value, withStack));
    else shown[name] = SECRET_NAME.test(name) ? MASKED : presentValue(value, MAX_DEPTH);
  }
  return { ...shown, msg: maskTokens(message) };
}

/** Turns `jobId` into `job_id`. Names of gitlab-runner, which begin with a capital, stay. */
function fieldName(key: string): string {
  const name = /^[a-z]/.test(key) ? key.replace(/[A-Z]/g, (big) => `_${big.toLowerCase()}`) : key;
  return RESERVED.has(name) ? `fields.${name}` : name;
}

function presentError(name: string, error: Error, withStack: boolean): Record<string, unknown> {
  const { type } = error as { readonly type?: unknown };
  return {
    [name]: maskTokens(error.message),
    [`${name}_type`]: typeof type === 'string' ? type : error.name,
    ...(withStack && { [`${name}_stack`]: maskTokens(nameSources(error)) }),
  };
}

function presentValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return maskTokens(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return typeof value;
  return typeof value === 'object' && value !== null ? presentObject(value, depth) : value;
}

function presentObject(value: object, depth: number): unknown {
  if (value instanceof Error) return maskTokens(value.message);
  if (value instanceof Date) return value.toISOString();
  if (depth === 0) return '…';
  if (Array.isArray(value)) return value.map((item: unknown) => presentValue(item, depth - 1));
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      SECRET_NAME.test(fieldName(key)) ? MASKED : presentValue(inner, depth - 1),
    ]),
  );
}
