import { ExpressionFault } from './fault.ts';
import type { BinaryOperator, Expression, UnaryOperator } from './syntax.ts';
import { compareValues, formatValue, isTruthy, kindOf, SENSITIVE, type Value } from './value.ts';

/** The values of names, and the amount of text that may still be produced. */
export interface Evaluation {
  readonly names: ReadonlyMap<string, Value>;
  /** Counts text against the job's limit. Throws when the limit is exceeded. */
  readonly spend: (text: string) => string;
}

/** The value of an expression. Source: GitLab documentation, "Moa expression language". */
function evaluate(expression: Expression, evaluation: Evaluation): Value {
  const inner = (part: Expression): Value => evaluate(part, evaluation);
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'template':
      return evaluateParts(expression.parts, evaluation);
    case 'name':
      return valueOfName(expression.name, evaluation);
    case 'array':
      return expression.items.map(inner);
    case 'object':
      return new Map(expression.members.map(([key, item]) => [keyOf(inner(key)), inner(item)]));
    case 'member':
      return memberOf(inner(expression.of), inner(expression.key));
    case 'call':
      return call(expression.name, expression.args.map(inner));
    case 'unary':
      return applyUnary(expression.operator, inner(expression.operand));
    case 'binary':
      return evaluateBinary(expression, evaluation);
  }
}

/** The text of a template, with each expression formatted as text. */
export function evaluateParts(
  parts: readonly (string | Expression)[],
  evaluation: Evaluation,
): string {
  return parts
    .map((part) => (typeof part === 'string' ? part : formatValue(evaluate(part, evaluation))))
    .map(evaluation.spend)
    .join('');
}

function valueOfName(name: string, { names }: Evaluation): Value {
  const value = names.get(name);
  if (value !== undefined) return value;
  const known = [...names.keys()].join(', ');
  throw new ExpressionFault(`there is no "${cut(name)}" here: ${known} is all there is`);
}

function keyOf(key: Value): string {
  if (typeof key === 'string') return key;
  throw new ExpressionFault(`the key of an object must be a string, not ${aKindOf(key)}`);
}

function memberOf(of: Value, key: Value): Value {
  const kind = kindOf(of);
  if (of instanceof Map && typeof key === 'string') {
    const members: ReadonlyMap<string, Value> = of;
    return shown(members.get(key), `there is no "${cut(key)}"`);
  }
  if (Array.isArray(of) && typeof key === 'number') {
    const items: readonly Value[] = of;
    return shown(items[key], `there is no item ${key}: the array has ${items.length}`);
  }
  throw new ExpressionFault(`${article(kind)} has no member by ${aKindOf(key)}`);
}

function shown(value: Value | undefined, complaint: string): Value {
  if (value === undefined) throw new ExpressionFault(complaint);
  if (value === SENSITIVE) throw new ExpressionFault('sensitive', 'sensitive_unsupported');
  return value;
}

function call(name: string, args: readonly Value[]): Value {
  const convert = FUNCTIONS.get(name);
  if (convert === undefined) {
    const known = [...FUNCTIONS.keys()].join(', ');
    throw new ExpressionFault(`there is no function "${cut(name)}": ${known} are all there are`);
  }
  const [value] = args;
  if (value === undefined || args.length > 1) {
    throw new ExpressionFault(`${name} takes one value, not ${args.length}`);
  }
  return convert(value);
}

const FUNCTIONS: ReadonlyMap<string, (value: Value) => Value> = new Map<
  string,
  (value: Value) => Value
>([
  ['str', formatValue],
  ['num', toNumber],
  ['bool', isTruthy],
]);

function toNumber(value: Value): number {
  if (typeof value === 'number') return value;
  const text = typeof value === 'string' ? value : '';
  const isNumber = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/.test(text);
  if (!isNumber) throw new ExpressionFault(`num: ${aKindOf(value)} that is no number`);
  return finite(Number(text));
}

function applyUnary(operator: UnaryOperator, operand: Value): Value {
  if (operator === '!') return !isTruthy(operand);
  if (typeof operand !== 'number') {
    throw new ExpressionFault(`"${operator}" needs a number, not ${aKindOf(operand)}`);
  }
  return operator === '-' ? -operand : operand;
}

type Binary = Extract<Expression, { kind: 'binary' }>;

/** `||` and `&&` evaluate their right side only when needed, and return one of the two operands. */
function evaluateBinary({ operator, left, right }: Binary, evaluation: Evaluation): Value {
  const first = evaluate(left, evaluation);
  if (operator === '||') return isTruthy(first) ? first : evaluate(right, evaluation);
  if (operator === '&&') return isTruthy(first) ? evaluate(right, evaluation) : first;
  const second = evaluate(right, evaluation);
  const comparison = COMPARISONS.get(operator);
  if (comparison !== undefined) return comparison(compareValues(first, second));
  if (operator === '+' && typeof first === 'string' && typeof second === 'string') {
    return evaluation.spend(first + second);
  }
  return calculate(operator, first, second);
}

const COMPARISONS: ReadonlyMap<BinaryOperator, (options: number) => boolean> = new Map<
  BinaryOperator,
  (options: number) => boolean
>([
  ['==', (options) => options === 0],
  ['!=', (options) => options !== 0],
  ['<', (options) => options < 0],
  ['<=', (options) => options <= 0],
  ['>', (options) => options > 0],
  ['>=', (options) => options >= 0],
]);

function calculate(operator: BinaryOperator, a: Value, b: Value): number {
  if (typeof a !== 'number' || typeof b !== 'number') {
    throw new ExpressionFault(`"${operator}" cannot join ${aKindOf(a)} and ${aKindOf(b)}`);
  }
  if ((operator === '/' || operator === '%') && b === 0) {
    throw new ExpressionFault('division by zero');
  }
  return finite(CALCULATIONS.get(operator)?.(a, b) ?? NaN);
}

const CALCULATIONS: ReadonlyMap<BinaryOperator, (a: number, b: number) => number> = new Map<
  BinaryOperator,
  (a: number, b: number) => number
>([
  ['+', (a, b) => a + b],
  ['-', (a, b) => a - b],
  ['*', (a, b) => a * b],
  ['/', (a, b) => a / b],
  ['%', (a, b) => a % b],
]);

function finite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw new ExpressionFault('the number is too large');
}

/** Names the kind of a value and never the value, because an input may be secret. */
function aKindOf(value: Value): string {
  return article(kindOf(value));
}

function article(kind: string): string {
  if (kind === 'null') return kind;
  return /^[ao]/.test(kind) ? `an ${kind}` : `a ${kind}`;
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
