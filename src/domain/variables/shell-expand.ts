import { readSum } from './shell-arithmetic.ts';
import { ShellFault } from './shell-fault.ts';
import { changeCase, removePattern, replacePattern, slice } from './shell-operators.ts';
import { deeper, spendLength, takeIf, takeMatch, type ShellReader } from './shell-reader.ts';

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
  if (!/[$`\\]/.test(text)) return { text, fault: undefined };
  const reader = { text, at: 0, depth: 0, lengthLeft: MAX_LENGTH, stepsLeft: MAX_STEPS, valueOf };
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
  /** The characters that end the text; empty means the end of the whole text. */
  readonly end: string;
  /** The message when that end is missing. */
  readonly unclosed: string;
}

const TEXT: Kind = {
  plain: /[^$`\\]+/y,
  escapable: '$`\\',
  ...{ isGuarding: false, hasQuotes: false, end: '', unclosed: '' },
};
const WORD: Kind = {
  plain: /[^$`\\'"}]+/y,
  escapable: '',
  ...{ isGuarding: true, hasQuotes: true, end: '}', unclosed: '`${` is not closed by `}`' },
};
/** The pattern of a replacement. */
const PATTERN: Kind = { ...WORD, plain: /[^$`\\'"}/]+/y, end: '/}' };
const QUOTED: Kind = {
  plain: /[^$`\\"]+/y,
  escapable: '$`\\"',
  ...{ isGuarding: false, hasQuotes: false, end: '"', unclosed: 'a `"` is not closed' },
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
  if (!kind.hasQuotes) {
    reader.at += 1;
    return char;
  }
  return readQuoted(reader);
}

function readBackslash(reader: ShellReader, { escapable, isGuarding }: Kind): string {
  const next = reader.text.charAt(reader.at + 1);
  reader.at += 1;
  if (next === '\n') {
    reader.at += 1;
    return '';
  }
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
  return text.slice(1, -1);
}

const NAME = /[A-Za-z_]\w*|[0-9*#$@!?-]/y;
const BRACED_NAME = /[A-Za-z_]\w*|[0-9]+|[*#$@!?-]/y;

function readDollar(reader: ShellReader, kind: Kind): string {
  reader.at += 1;
  if (takeIf(reader, '{')) return deeper(reader, () => readParameter(reader));
  if (takeIf(reader, '((')) return readArithmetic(reader, '))');
  if (takeIf(reader, '[')) return readArithmetic(reader, ']');
  if (takeIf(reader, '(')) throw new ShellFault('commands are not run in it');
  if (kind.hasQuotes && takeIf(reader, "'")) throw new ShellFault("`$'` is not supported");
  if (kind.hasQuotes && reader.text.charAt(reader.at) === '"') return '';
  const name = takeMatch(reader, NAME);
  return name === '' ? '$' : valueOfName(reader, name);
}

function readArithmetic(reader: ShellReader, end: string): string {
  const sum = deeper(reader, () => readSum(reader, (inner) => readDollar(inner, TEXT)));
  takeMatch(reader, /\s*/y);
  if (!takeIf(reader, end)) throw new ShellFault('its arithmetic cannot be read');
  return `${sum}`;
}

/** Returns the value of a name. A shell's own variables are not set here. */
function valueOfName({ valueOf }: ShellReader, name: string): string {
  return /^[A-Za-z_]/.test(name) ? valueOf(name) : '';
}

/** Reads a parameter. Begins after `${`. */
function readParameter(reader: ShellReader): string {
  if (takeMatch(reader, /#(?=[A-Za-z_0-9*#$@!?-]+\})/y) !== '') {
    const value = valueOfName(reader, takeMatch(reader, BRACED_NAME));
    closeBrace(reader);
    return `${Array.from(value).length}`;
  }
  const isIndirect = takeMatch(reader, /!(?=[A-Za-z_])/y) !== '';
  const name = takeMatch(reader, BRACED_NAME);
  if (name === '') throw new ShellFault('`${` is not followed by a name');
  const value = valueOfName(reader, name);
  if (isIndirect && value === '') throw new ShellFault(`\`\${!${name}}\` refers to nothing`);
  const text = readOperator(reader, name, isIndirect ? valueOfName(reader, value) : value);
  closeBrace(reader);
  return text;
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
  return changeCase(value, { operator, pattern: readText(reader, WORD) });
}

function plainValue(reader: ShellReader, value: string): string {
  const char = reader.text.charAt(reader.at);
  if (char === '}' || char === '') return value;
  throw new ShellFault(`\`${char}\` is no operator of a parameter`);
}

/** The word is read in any case, because a fault in it counts. */
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
  const offset = reader.text.charAt(reader.at) === ':' ? 0n : readNumber();
  takeMatch(reader, /\s*/y);
  const length = takeIf(reader, ':') ? readNumber() : undefined;
  takeMatch(reader, /\s*/y);
  return slice(value, offset, length);
}
