import { isObject } from '../is-object.ts';
import { maskTokens } from './mask-tokens.ts';

/**
 * What people may see of a field: its value, nothing, or a map whose keys are not known beforehand.
 */
export type FieldRule = 'shown' | 'hidden' | 'map';

/** Rules by the names of fields, at any depth. A field without a rule is hidden. */
export type FieldRules = Readonly<Record<string, FieldRule>>;

/** The text that people see in place of a hidden value. */
export const HIDDEN = '[HIDDEN]';

/** No payload of this program is nested deeper. */
const MAX_DEPTH = 16;

/**
 * Returns a decoded value as people may see it: fields without a rule that shows them are hidden,
 * and so is everything in texts that has the shape of a secret.
 */
export function showValue(value: unknown, rules: FieldRules, depth = MAX_DEPTH): unknown {
  if (typeof value === 'string') return maskTokens(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === 0) return HIDDEN;
  if (Array.isArray(value)) return value.map((item) => showValue(item, rules, depth - 1));
  return isObject(value) ? showFields(value, rules, depth) : HIDDEN;
}

function showFields(value: Readonly<Record<string, unknown>>, rules: FieldRules, depth: number) {
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      maskTokens(name),
      showField(inner, { rule: ruleOf(name, rules), rules, depth }),
    ]),
  );
}

function ruleOf(name: string, rules: FieldRules): FieldRule | undefined {
  return Object.hasOwn(rules, name) ? rules[name] : undefined;
}

interface Showing {
  readonly rule: FieldRule | undefined;
  readonly rules: FieldRules;
  readonly depth: number;
}

function showField(value: unknown, { rule, rules, depth }: Showing): unknown {
  if (rule === 'shown') return showValue(value, rules, depth - 1);
  if (rule !== 'map' || !isObject(value)) return HIDDEN;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      maskTokens(key),
      showValue(inner, rules, depth - 1),
    ]),
  );
}
