import { readSum } from './shell-arithmetic.ts';
import { ShellFault } from './shell-fault.ts';
import { changeCase, charsOf, removePattern, replacePattern, slice } from './shell-operators.ts';
import {
  CONTINUATION,
  deeper,
  markContinuations,
  skipSpace,
  spendLength,
  takeIf,
  takeMatch,
  takeWord,
  type ShellReader,
} from './shell-reader.ts';

/** The result of a shell expansion. */
export interface ShellExpansion {
  /** The expanded text, or the original text when it could not be expanded. */
  readonly text: string;
  /** Why it could not be expanded, for a warning; undefined when it was. */
  readonly fault: string | undefined;
}

/** The limit is longer than any path or name, and keeps a list of them small. */
const MAX_LENGTH = 64 * 1024;
const MAX_STEPS = 500_000;

/**
 * Expands a text as a shell would: `$X`, `${X}`, `${X:-default}`, `${X%.*}`, `${X:0:8}`, `$((N +
 * 1))` and the like. Quotes, `*`, `~` and braces stay; `\$` is a dollar sign; commands are never
 * run. `valueOf` gives '' for unset variables. Length and time are bounded. Source: gitlab-runner
 * `commands/helpers/artifacts_uploader.go`, where mvdan.cc/sh 3.13 expands the text like a
 * here-document.
 */
export function expandShell(text: string, valueOf: (name: string) => string): ShellExpansion {
  if (!/[$`\\\r\0]/.test(text)) return { text, fault: undefined };
  const limits = { depth: 0, lengthLeft: MAX_LENGTH, stepsLeft: MAX_STEPS };
  const reader = { text: markContinuations(text), at: 0, ...limits, valueOf };
  try {
    return { text: readText(reader, TEXT), fault: undefined };
  } catch (error) {
    if (error instanceof ShellFault) return { text, fault: error.message };
    throw error;
  }
}

/** A kind of text: what a backslash does in it, and where it ends. */
interface Kind {
  /** Matches a run of characters without special meaning. Sticky. */
  readonly plain: RegExp;
  /** Characters from which a preceding backslash is removed. It stays before all others. */
  readonly escapable: string;
  /** True: a backslash makes the next character literal, and both stay. */
  readonly isGuarding: boolean;
  readonly hasQuotes: boolean;
  /** True: the text is a pattern in which quoted characters mean themselves. */
  readonly isPattern: boolean;
  /** The characters that end the text; empty means the end of the whole text. */
  readonly end: string;
  /** The message when that end is missing. */
  readonly unclosed: string;
}

const TEXT: Kind = {
  plain: /[^\0$`\\]+/y,
  escapable: '$`\\',
  isGuarding: false,
  hasQuotes: false,
  isPattern: false,
  end: '',
  unclosed: '',
};
const WORD: Kind = {
  plain: /[^\0$`\\'"}]+/y,
  escapable: '',
  isGuarding: true,
  hasQuotes: true,
  isPattern: false,
  end: '}',
  unclosed: '`${` is not closed by `}`',
};
/** The pattern of a replacement. */
const PATTERN: Kind = { ...WORD, plain: /[^\0$`\\'"}/]+/y, isPattern: true, end: '/}' };
const QUOTED: Kind = {
  plain: /[^\0$`\\"]+/y,
  escapable: '$`\\"',
  isGuarding: false,
  hasQuotes: false,
  isPattern: false,
  end: '"',
  unclosed: 'a `"` is not closed',
};

/** Reads up to the end of its kind and stops there. */
function readText(reader: ShellReader, kind: Kind): string {
  const pieces: string[] = [];
  for (;;) {
    pieces.push(spendLength(reader, takeMatch(reader, kind.plain)));
    const char = reader.text.charAt(reader.at);
    if (char === '') {
      if (kind.end === '') return pieces.join('');
      throw new ShellFault(kind.unclosed);
    }
    if (kind.end.includes(char)) return pieces.join('');
    pieces.push(spendLength(reader, readSpecial(reader, kind)));
  }
}

function readSpecial(reader: ShellReader, kind: Kind): string {
  const char = reader.text.charAt(reader.at);
  if (char === '$') return readDollar(reader, kind);
  if (char === '`') throw new ShellFault('commands are not run in it');
  if (char === '\\') return readBackslash(reader, kind);
  if (kind.hasQuotes && char !== CONTINUATION) {
    const quoted = readQuoted(reader);
    return kind.isPattern ? quoted.replace(/[*?[\\]/g, '\\$&') : quoted;
  }
  reader.at += 1;
  return char === CONTINUATION ? '' : char;
}

function readBackslash(reader: ShellReader, { escapable, isGuarding }: Kind): string {
  const next = reader.text.charAt(reader.at + 1);
  reader.at += 1;
  if (next === '') return '\\';
  if (escapable.includes(next)) {
    reader.at += 1;
    return next;
  }
  if (!isGuarding) return '\\';
  reader.at += 1;
  return `\\${next}`;
}

function readQuoted(reader: ShellReader): string {
  if (takeIf(reader, '"')) {
    const text = deeper(reader, () => readText(reader, QUOTED));
    reader.at += 1;
    return text;
  }
  const text = takeMatch(reader, /'[^']*'/y);
  if (text === '') throw new ShellFault("a `'` is not closed");
  return text.slice(1, -1).replaceAll(CONTINUATION, '\\\n');
}

function readDollar(reader: ShellReader, kind: Kind): string {
  reader.at += 1;
  if (takeIf(reader, '{')) return deeper(reader, () => readParameter(reader));
  if (takeIf(reader, '((')) return readArithmetic(reader, '))');
  if (takeIf(reader, '[')) return readArithmetic(reader, ']');
  if (takeIf(reader, '(')) throw new ShellFault('commands are not run in it');
  if (kind.hasQuotes && takeIf(reader, "'")) throw new ShellFault("`$'` is not supported");
  if (kind.hasQuotes && reader.text.charAt(reader.at) === '"') return '';
  return readShortName(reader);
}

/**
 * Reads the name after a `$`. At the beginning of a continued line, it may be a word with digits
 * before letters. Such a word is not a name and is dropped.
 */
function readShortName(reader: ShellReader): string {
  const name = takeMatch(reader, /[0-9*#$@!?-]/y) || takeWord(reader);
  return isName(name) ? valueOfName(reader, name) : '$';
}

function readArithmetic(reader: ShellReader, end: string): string {
  const sum = deeper(reader, () => readSum(reader, (inner) => readDollar(inner, TEXT)));
  skipSpace(reader);
  if (!takeIf(reader, end)) throw new ShellFault('its arithmetic cannot be read');
  return `${sum}`;
}

/** Returns the value of a name. A shell's own variables are not set here. */
function valueOfName({ valueOf }: ShellReader, name: string): string {
  return /^[A-Za-z_]/.test(name) ? valueOf(name) : '';
}

function isName(text: string): boolean {
  return /^(?:[A-Za-z_]\w*|[0-9]+|[*#$@!?-])$/.test(text);
}

/** Matches `#` or `!` when it is a prefix of a name. Otherwise the character is the name itself. */
const PREFIX = /#(?=[?-]\}|[\w*#$@!])|!(?=[\w*#$@!?-])/y;

/** Reads a parameter. Begins after `${`. */
function readParameter(reader: ShellReader): string {
  const prefix = takeMatch(reader, PREFIX);
  const name = takeMatch(reader, /[*#$@!?-]/y) || takeWord(reader);
  if (!isName(name)) throw new ShellFault('`${` is not followed by a name');
  const value = valueOfName(reader, name);
  const text =
    prefix === '#' ? `${charsOf(reader, value).length}` : readRest(reader, prefix, { name, value });
  closeBrace(reader);
  return text;
}

/** Reads what follows a name. An operator behind an indirect name is read, but changes nothing. */
function readRest(
  reader: ShellReader,
  prefix: string,
  { name, value }: Pick<Parameter, 'name' | 'value'>,
): string {
  if (prefix === '') return readOperator(reader, name, value);
  if (value === '') throw new ShellFault(`\`\${!${name}}\` refers to nothing`);
  readOperator(reader, name, value);
  return valueOfName(reader, value);
}

function closeBrace(reader: ShellReader): void {
  if (!takeIf(reader, '}')) throw new ShellFault('`${` is not closed by `}`');
}

interface Parameter {
  readonly name: string;
  readonly value: string;
  readonly operator: string;
}

type ReadOperator = (reader: ShellReader, parameter: Parameter) => string;

/** The operators by their last character. */
const OPERATORS: ReadonlyMap<string, ReadOperator> = new Map<string, ReadOperator>([
  ['-', (reader, { value }) => choose(reader, value !== '', value)],
  ['+', (reader, { value }) => choose(reader, value === '', value)],
  ['?', readDemand],
  ['=', readDemand],
  ['#', readRemoval],
  ['%', readRemoval],
  ['^', readCase],
  [',', readCase],
  ['/', (reader, { value, operator }) => readReplacement(reader, value, operator === '//')],
  [':', (reader, { value }) => readSlice(reader, value)],
]);

function readOperator(reader: ShellReader, name: string, value: string): string {
  const operator = takeMatch(reader, /:?[-+=?]|##?|%%?|\/\/?|\^\^?|,,?|:/y);
  const read = OPERATORS.get(operator.slice(-1));
  return read === undefined ? plainValue(reader, value) : read(reader, { name, value, operator });
}

function readRemoval(reader: ShellReader, { value, operator }: Parameter): string {
  return removePattern(reader, value, { operator, pattern: readText(reader, WORD) });
}

function readCase(reader: ShellReader, { value, operator }: Parameter): string {
  return changeCase(reader, value, { operator, pattern: readText(reader, WORD) });
}

function plainValue(reader: ShellReader, value: string): string {
  const char = reader.text.charAt(reader.at);
  if (char === '}' || char === '') return value;
  throw new ShellFault(`\`${char}\` is no operator of a parameter`);
}

/** Reads the word even when it is not chosen, because a fault in the word counts in any case. */
function choose(reader: ShellReader, isChosen: boolean, value: string): string {
  const word = readText(reader, WORD);
  return isChosen ? value : word;
}

function readDemand(reader: ShellReader, { name, value, operator }: Parameter): string {
  const word = readText(reader, WORD);
  if (value !== '') return value;
  throw new ShellFault(
    operator.endsWith('=') ? `\`${name}\` cannot be set here` : `${name}: ${word}`,
  );
}

function readReplacement(reader: ShellReader, value: string, isAll: boolean): string {
  const pattern = readText(reader, PATTERN);
  const replacement = takeIf(reader, '/') ? readText(reader, WORD) : '';
  return replacePattern(reader, value, { pattern, replacement, isAll });
}

function readSlice(reader: ShellReader, value: string): string {
  const readNumber = (): bigint => readSum(reader, (inner) => readDollar(inner, TEXT));
  // A line end is allowed everywhere except here.
  takeMatch(reader, /[ \t\r\0]*/y);
  const offset = reader.text.charAt(reader.at) === ':' ? 0n : readNumber();
  skipSpace(reader);
  const length = takeIf(reader, ':') ? readNumber() : undefined;
  skipSpace(reader);
  return slice(reader, value, { offset, length });
}
