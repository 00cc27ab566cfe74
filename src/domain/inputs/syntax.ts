import type { Value } from './value.ts';

/** What an expression is made of. */
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

export type UnaryOperator = '+' | '-' | '!';

/** From those that bind least to those that bind most; a longer one before its own beginning. */
export const BINARY_OPERATORS = [
  ['||'],
  ['&&'],
  ['==', '!=', '<=', '>=', '<', '>'],
  ['+', '-'],
  ['*', '/', '%'],
] as const;

export type BinaryOperator = (typeof BINARY_OPERATORS)[number][number];

/** Kept for what the language may become: no names. */
export const RESERVED_WORDS: ReadonlySet<string> = new Set([
  ...['array', 'as', 'break', 'case', 'const', 'continue', 'default', 'else', 'fallthrough'],
  ...['float', 'for', 'func', 'function', 'goto', 'if', 'import', 'in', 'int', 'let', 'loop'],
  ...['map', 'namespace', 'number', 'object', 'package', 'range', 'return', 'string', 'struct'],
  ...['switch', 'type', 'var', 'void', 'while'],
]);
