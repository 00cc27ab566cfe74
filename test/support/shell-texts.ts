import fc from 'fast-check';

/** The variables of {@link shellText}. */
export const SHELL_VARIABLES: Readonly<Record<string, string>> = {
  A: 'alpha',
  B: 'beta/gamma.tar.gz',
  E: '',
  N: '3',
  REF: 'A',
  S: 'a  b',
  U: 'über',
  G: '*.txt',
  D: '$A',
  T: ' 7\t',
  Q: ' N ',
  L: 'a.b\nc.d\n.e',
};

function joined(...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  return fc.tuple(...parts).map((texts) => texts.join(''));
}

function some(part: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> {
  return fc.array(part, { maxLength }).map((texts) => texts.join(''));
}

const piece = fc.constantFrom(
  ...['$A', '${A}', '${X:-', '${B#', '${B##', '${B%', '${B%%', '${E-', '${A+', '${A/', '${B//'],
  ...['}', '}', '}', '"', "'", '\\', '$', '{', '*', 'a', '/', '.', 'b', '[a-l]', '?', 'x', ' '],
  ...['${A:1', '${#A}', ':', '2', '-', '$((', '))', 'N', '+', '${A^^', '${U^', '$1', '~'],
  ...['${!REF}', '${X-', '#', '%', '\n', 'l', '[!a]', 'é', '$N', '${S', '`', '(', '$REF', '10'],
  ...['\\\n', '\r\n', '\\\r\n', '\t', '\r', '"*"', "'a'", '\\\\', '\\$'],
);
/** Not U: the reference cuts within its characters. */
const names = [
  'A',
  'B',
  'E',
  'N',
  'REF',
  'S',
  'G',
  'D',
  'T',
  'Q',
  'L',
  'X',
  'AN',
  '1',
  '12',
  '1a',
  '',
];
const name = fc.constantFrom(...names, ...names, '#', '?', '-', '!', '@', '*', '$');
const prefix = fc.constantFrom('', '', '', '', '', '#', '!');
const operator = fc.constantFrom(
  ...['', ':-', '-', ':+', '+', ':?', '?', ':=', '=', '#', '##', '%', '%%'],
  ...['/', '//', '^', '^^', ',', ',,', ':', ': ', '::'],
);
const numbers = fc.constantFrom(
  ...[
    '1',
    '2',
    '0',
    '10',
    'N',
    'T',
    'Q',
    'L',
    'X',
    '$N',
    '${N}',
    '$((N))',
    '$',
    '99999999999999999999',
  ],
  ...['+', '-', '*', '/', '%', '+', '-', '(', ')', ' ', ' ', '\n', '\t', '\r', ':'],
);
const sum = fc.oneof(
  some(numbers, 6),
  joined(
    fc.constantFrom('1', '-2', 'N', ' 3 ', '${N}', '(1+2)'),
    fc.constantFrom('+', '-', ' * ', '/', '%', ' - ', '\n+ '),
    fc.constantFrom('1', '-2', 'N', ' 3 ', '${N}', '(1+2)'),
  ),
);
const bracket = joined(
  fc.constantFrom('[', '[', '[!', '[^', '[]'),
  some(
    fc.constantFrom(
      ...['a', 'l', 'p', 'h', '.', '/', '-', '-', '_', '0', '*', '[', '!', '^', ' ', 'z', 'A', 'é'],
      ...['\\]', '\\-', '\\\\', '\\a', '[:alpha:]', "'-'", '"]"', '$A', '.-z', 'a-m', ':', '\\0'],
    ),
    4,
  ),
  fc.constantFrom(']', ']', ']', ']', ']]', ''),
);
const { parameter } = fc.letrec<{ word: string; parameter: string }>((tie) => ({
  word: some(fc.oneof({ depthSize: 'small' }, piece, piece, bracket, tie('parameter')), 3),
  parameter: fc.oneof(
    joined(fc.constant('${'), prefix, name, operator, tie('word'), fc.constant('}')),
    joined(fc.constant('${A/'), tie('word'), fc.constant('/'), tie('word'), fc.constant('}')),
    joined(
      fc.constantFrom('${A:', '${B:'),
      sum,
      fc.constantFrom('', ':1', ': -1'),
      fc.constant('}'),
    ),
  ),
}));
const arithmetic = fc.oneof(
  joined(fc.constant('$(('), sum, fc.constant('))')),
  joined(fc.constant('$['), sum, fc.constant(']')),
);
const whole = fc.oneof(
  some(piece, 8),
  some(fc.oneof(piece, parameter, arithmetic), 4),
  fc.oneof(parameter, arithmetic),
);
const breaks = fc.constantFrom('\\\n', '\\\n', '\\\r\n', '\r\n', '\\', '\n', '\t');

/**
 * Texts for expansion by a shell: pieces of its syntax in any order, and whole parameters and
 * arithmetic. Half of them are broken at any place, by a backslash at the end of a line or the
 * like.
 */
export const shellText: fc.Arbitrary<string> = fc.oneof(
  whole,
  fc
    .tuple(whole, fc.array(fc.tuple(fc.nat({ max: 30 }), breaks), { minLength: 1, maxLength: 2 }))
    .map(([text, inserted]) =>
      inserted.reduce((broken, [place, with_]) => {
        const at = place % (broken.length + 1);
        return broken.slice(0, at) + with_ + broken.slice(at);
      }, text),
    ),
);
