import { ShellFault } from './shell-fault.ts';
import { deeper, takeIf, takeMatch, type ShellReader } from './shell-reader.ts';

/** Reads an expansion after its `$`. It is a parameter because it needs arithmetic itself. */
export type ReadDollar = (reader: ShellReader) => string;

/** Evaluates `+ - * / %` and parentheses on 64-bit integers, which is what paths use. */
export function readSum(reader: ShellReader, readDollar: ReadDollar): bigint {
  let sum = readProduct(reader, readDollar);
  for (;;) {
    skipSpace(reader);
    const operator = takeMatch(reader, /[+-]/y);
    if (operator === '') return sum;
    const right = readProduct(reader, readDollar);
    sum = BigInt.asIntN(64, operator === '+' ? sum + right : sum - right);
  }
}

function readProduct(reader: ShellReader, readDollar: ReadDollar): bigint {
  let product = readOperand(reader, readDollar);
  for (;;) {
    skipSpace(reader);
    const operator = takeMatch(reader, /\*(?!\*)|[/%]/y);
    if (operator === '') return product;
    product = BigInt.asIntN(64, multiply(product, operator, readOperand(reader, readDollar)));
  }
}

function multiply(left: bigint, operator: string, right: bigint): bigint {
  if (operator === '*') return left * right;
  if (right === 0n) throw new ShellFault('division by zero');
  return operator === '/' ? left / right : left % right;
}

function readOperand(reader: ShellReader, readDollar: ReadDollar): bigint {
  skipSpace(reader);
  if (takeIf(reader, '+')) return deeper(reader, () => readOperand(reader, readDollar));
  if (takeIf(reader, '-')) return -deeper(reader, () => readOperand(reader, readDollar));
  if (takeIf(reader, '(')) return deeper(reader, () => readGroup(reader, readDollar));
  if (reader.text.charAt(reader.at) === '$') return numberIn(reader, readDollar(reader));
  const word = takeMatch(reader, /\w+/y);
  if (word === '') throw new ShellFault('its arithmetic lacks a number');
  return numberIn(reader, word);
}

function readGroup(reader: ShellReader, readDollar: ReadDollar): bigint {
  const sum = readSum(reader, readDollar);
  skipSpace(reader);
  if (!takeIf(reader, ')')) throw new ShellFault('its arithmetic cannot be read');
  return sum;
}

function skipSpace(reader: ShellReader): void {
  takeMatch(reader, /\s*/y);
}

/** Returns a number, or the value of a variable with one; anything else is 0. */
function numberIn({ valueOf }: ShellReader, word: string): bigint {
  let text = word.trim();
  for (let names = 0; names < 10 && /^[A-Za-z_]\w*$/.test(text); names += 1) {
    text = valueOf(text).trim();
  }
  // A number with more digits than 64 bits hold counts as 0.
  return /^[+-]?\d{1,18}$/.test(text) ? BigInt(text.replace('+', '')) : 0n;
}
