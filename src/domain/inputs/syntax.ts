import type { Value } from './value.ts';

/** The syntax tree of an expression. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: Value }
  /** Text with expressions in it. */
  | { readonly kind: 'template'; readonly parts: readonly (string | Expression)[] }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'array'; readonly items: readonly Expression[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [Expression, Expression])[] }
  /** `of.key` or `of[key]`. */
  | { readonly kind: 'member'; readonly of: Expression; readonly key: Expression }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    };

/** An operator in front of one operand. */
export type UnaryOperator = '+' | '-' | '!';

/** From the lowest precedence to the highest. A longer operator comes before its own prefix. */
export const BINARY_OPERATORS = [
  ['||'],
  ['&&'],
  ['==', '!=', '<=', '>=', '<', '>'],
  ['+', '-'],
  ['*', '/', '%'],
] as const;

/** An operator between two operands. */
export type BinaryOperator = (typeof BINARY_OPERATORS)[number][number];

/** Reserved for future versions of the language; they are not names. */
export const RESERVED_WORDS: ReadonlySet<string> = new Set([
  ...['array', 'as', 'break', 'case', 'const', 'continue', 'default', 'else', 'fallthrough'],
  ...['float', 'for', 'func', 'function', 'goto', 'if', 'import', 'in', 'int', 'let', 'loop'],
  ...['map', 'namespace', 'number', 'object', 'package', 'range', 'return', 'string', 'struct'],
  ...['switch', 'type', 'var', 'void', 'while'],
]);
