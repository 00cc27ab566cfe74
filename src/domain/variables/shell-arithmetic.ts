import { ShellFault } from './shell-fault.ts';
import {
  deeper,
  skipSpace,
  spendLength,
  spendSteps,
  takeIf,
  takeMatch,
  takeWord,
  type ShellReader,
} from './shell-reader.ts';

/** Reads an expansion after its `$`. It is a parameter because it needs arithmetic itself. */
export type ReadDollar = (reader: ShellReader) => string;

/** A sign. `++` and `--` would change a variable. */
const SIGN = /\+(?!\+)|-(?!-)/y;

/** Evaluates `+ - * / %` and parentheses on 64-bit integers, which is what paths use. */
export function readSum(reader: ShellReader, readDollar: ReadDollar): bigint {
  let sum = readProduct(reader, readDollar);
  for (;;) {
    skipSpace(reader);
    const operator = takeMatch(reader, SIGN);
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
  const sign = takeMatch(reader, SIGN);
  if (sign !== '') {
    const operand = deeper(reader, () => readOperand(reader, readDollar));
    return sign === '+' ? operand : BigInt.asIntN(64, -operand);
  }
  if (takeIf(reader, '(')) return deeper(reader, () => readGroup(reader, readDollar));
  return numberIn(reader, readWord(reader, readDollar));
}

/** Reads a number or a name. Expansions may be parts of it: `1$N`. */
function readWord(reader: ShellReader, readDollar: ReadDollar): string {
  const start = reader.at;
  let word = '';
  for (;;) {
    const isDollar = reader.text.charAt(reader.at) === '$';
    const part = isDollar ? readDollar(reader) : takeWord(reader);
    if (!isDollar && part === '') break;
    word += spendLength(reader, part);
  }
  if (reader.at === start) throw new ShellFault('its arithmetic lacks a number');
  return word;
}

function readGroup(reader: ShellReader, readDollar: ReadDollar): bigint {
  const sum = readSum(reader, readDollar);
  skipSpace(reader);
  if (!takeIf(reader, ')')) throw new ShellFault('its arithmetic cannot be read');
  return sum;
}

/** A shell follows names in the values of names up to this number. */
const MAX_NAMES = 100;
const INT64_MAX = 2n ** 63n - 1n;

/** Returns a number, or the value of a variable with one; anything else is 0. */
function numberIn(reader: ShellReader, word: string): bigint {
  let text = word;
  for (let names = 1; names < MAX_NAMES && /^[A-Za-z_]\w*$/.test(text); names += 1) {
    text = reader.valueOf(text);
    spendSteps(reader, text.length);
  }
  return parseInt64(text.trim());
}

/**
 * Parses a 64-bit integer. A number that is out of range becomes the nearest one in range. Digits
 * with other characters after them count as 0. As in gitlab-runner, they count like a number when
 * even 64 bits without a sign cannot hold them.
 */
function parseInt64(text: string): bigint {
  const unsigned = text.replace(/^[+-]/, '');
  const [digits = ''] = /^[0-9]+/.exec(unsigned) ?? [];
  // 21 digits are always too many.
  const size = BigInt(digits.replace(/^0+/, '').slice(0, 21));
  if (size < 2n ** 64n && digits.length < unsigned.length) return 0n;
  if (text.startsWith('-')) return size > INT64_MAX ? -INT64_MAX - 1n : -size;
  return size > INT64_MAX ? INT64_MAX : size;
}
