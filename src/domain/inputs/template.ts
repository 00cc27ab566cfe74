import { createCursor } from './cursor.ts';
import { evaluateParts } from './evaluate.ts';
import { ExpressionFault } from './fault.ts';
import { parseTemplate } from './parse-expression.ts';
import { SENSITIVE, type Value } from './value.ts';

/** An input of a job with the value that somebody gave it. */
export interface TemplateInput {
  readonly key: string;
  readonly value: Value;
  readonly isSensitive: boolean;
}

/** The greatest length of all texts of one job together, in UTF-16 units. */
const MAX_LENGTH = 16 * 1024 * 1024;

/** Replaces the expressions of a text by their values. Throws an {@link ExpressionFault}. */
export type ExpandTemplate = (text: string) => string;

/**
 * Expands the texts of one job. Texts with expressions are parsed as templates, however often they
 * use an input, and `onExpanded` is called for each of them. Other texts are returned unchanged.
 */
export function createTemplates(
  inputs: readonly TemplateInput[],
  onExpanded: () => void,
): ExpandTemplate {
  const byName = new Map<string, Value>(
    inputs.map(({ key, value, isSensitive }) => [key, isSensitive ? SENSITIVE : value]),
  );
  const names = new Map<string, Value>([['job', new Map<string, Value>([['inputs', byName]])]]);
  let left = MAX_LENGTH;
  const spend = (text: string): string => {
    left -= text.length;
    if (left < 0) throw new ExpressionFault('all texts of the job together become too long');
    return text;
  };
  return (text) => {
    if (!text.includes('${{')) return text;
    const parts = parseTemplate(createCursor(text));
    const expanded = evaluateParts(parts, { names, spend });
    if (parts.some((part) => typeof part !== 'string')) onExpanded();
    return expanded;
  };
}
