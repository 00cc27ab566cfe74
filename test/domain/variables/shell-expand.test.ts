import assert from 'node:assert/strict';
import { cpuUsage } from 'node:process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { expandShell } from '../../../src/domain/variables/shell-expand.ts';
import { askGo } from '../../support/ask-go.ts';
import { SHELL_VARIABLES, shellText } from '../../support/shell-texts.ts';

const valueOf = (name: string): string => SHELL_VARIABLES[name] ?? '';
const FAULT = undefined;
const MAX = 2n ** 63n - 1n;

/** Returns undefined when the text cannot be expanded. */
function expand(text: string): string | undefined {
  const { text: expanded, fault } = expandShell(text, valueOf);
  if (fault === undefined) return expanded;
  assert.equal(expanded, text, 'what cannot be expanded stays as it is');
  return undefined;
}

// mvdan.cc/sh itself gives these results: see below.
const cases: [text: string, expected: string | undefined, why: string][] = [
  ['', '', 'nothing to do'],
  ['dist/', 'dist/', 'no reference'],
  ['$A', 'alpha', 'a bare name'],
  ['${A}', 'alpha', 'a name in braces'],
  ['$A-$B_x', 'alpha-', 'a name ends where no letter, digit or _ follows'],
  ['${A}_B', 'alpha_B', 'braces end a name'],
  ['$X|${X}', '|', 'what is not set is nothing'],
  ['$D', '$A', 'what comes out is not looked at again'],
  ['$G/*.{js,ts}', '*.txt/*.{js,ts}', 'globs survive, within values too'],
  ['**/[a-z]?', '**/[a-z]?', 'globs survive'],
  ['~/x', '~/x', 'a tilde survives'],
  [`'$A' "$A"`, `'alpha' "alpha"`, 'quotes are characters'],
  ['$S', 'a  b', 'no word splitting'],
  ['a\n$A', 'a\nalpha', 'lines do not matter'],
  ['a\\\nb', 'ab', 'a backslash joins lines'],
  ['a\\\r\nb\r\nc\r', 'ab\nc\r', 'also before CR LF, which is LF'],
  ['\\\\\n$A', '\\\nalpha', 'an escaped backslash joins none'],
  ['\\\\\\\n$A', '\\\\\nalpha', 'nor does the one behind it'],
  ['a\0b\\\0\n', 'ab\\\n', 'a text has no NUL'],
  ['$\\\nl', '', 'lines are joined before a name'],
  ['$\\\nA|$\\\n12|$\\\n\\\nA', 'alpha||alpha', 'where it may have more digits'],
  ['$\\\n1A|$\\\n{A}|$\\\n', '$|${A}|$', 'or be lost, and braces are too late'],
  ['$N\\\nl+$1. ', '+. ', 'and within one'],
  ['$RE\\\r\nF|$1\\\nA', 'A|A', 'but not within one of one character'],
  ['${\\\nRE\\\nF\\\n}', 'A', 'also in braces'],
  ['${\\\nA:-x} ${A\\\n%a} ${#A\\\n}', 'alpha alph 5', 'before an operator'],
  ['${A:\\\n-2}|${A/\\\n/x}', 'ha|alpha', 'not within an operator'],
  ['${X:-a\\\nb"c\\\nd"}', 'abcd', 'in a word and between double quotes'],
  ["${X:-'a\\\nb\\\r\nc'}", 'a\\\nb\\\nc', 'not between single ones'],
  ['${A/l\\\np/x}|${A/\\\nl/x}', 'axha|axpha', 'in a pattern'],
  ['$((1\\\n2 +\\\n+1))|$[ N\\\n]|${A:\\\n1:\\\n2\\\n}', '13|3|lp', 'in arithmetic'],
  ['${#-\\\n}', '', 'here it stands between a name and its word'],
  ['${\\\n#A}', FAULT, 'a prefix is not behind one'],
  ['${#\\\nA}', FAULT, 'nor before one'],
  ['${!\\\nREF}', FAULT, 'whichever it is'],
  ['${?\\\n}', FAULT, 'a name of one character ends at once'],
  ['$\\\n(id)$((1)\\\n)', FAULT, 'an end of two characters is on one line'],
  ['$((1 \t\n+\r\n 2\n))', '3', 'lines do not matter in arithmetic'],
  ['$((1$N + $N$N))|$(($N0))', '46|0', 'its numbers have parts'],
  ['$((++N))', FAULT, 'nothing can be counted up'],
  ['$((N--1))', FAULT, 'nor down'],
  ['$((1+ +2)) $((1- -2))', '3 3', 'but signs follow signs'],
  [
    '$((9223372036854775807)) $((-99999999999999999999 - 1 - 1)) $((99999999999999999999x)) $((9999999999999999999x))',
    `${MAX} ${MAX} ${MAX} 0`,
    '64 bits',
  ],
  ['$((T+1)) $((Q+1))', '8 1', 'white space is around numbers, not around names'],
  ['${A: :2}|${A:1 : 2 }', 'al|lp', 'white space is around places'],
  ['${A:\n:2}', FAULT, 'but no line ends there'],
  ['${##}|${#-}|${#?}|${#:-x}|${#-x}', '0|0|0|x|x', 'a length, or the number of arguments'],
  ['${##x}', FAULT, 'a length has no operator'],
  ['${!REF#a}|${!REF:0:1}|${!REF:-x}', 'alpha|alpha|alpha', 'nor has a reference to a reference'],
  ['${!-x}', FAULT, 'and what is not set refers to nothing'],
  [
    '${A/"*"/x}|${G/"*"/x}|${G/\'*\'}',
    'alpha|x.txt|.txt',
    'quotes guard the characters of patterns',
  ],
  ['\\$A', '$A', 'an escaped dollar is a dollar'],
  ['\\\\$A', '\\alpha', 'an escaped backslash is one'],
  ['\\*\\a', '\\*\\a', 'other backslashes stay, for the glob'],
  ['a\\', 'a\\', 'one at the end too'],
  ['$', '$', 'a dollar before nothing stays'],
  ['$/x $.', '$/x $.', 'or before what is no name'],
  ['$é', '$é', 'letters are ASCII only'],
  ["$'a'", "$'a'", 'no quotes of other kinds'],
  ['$1 $@ $# $? $! $- $0', '      ', 'a shell’s own are not set'],
  ['$$A', 'A', 'not even the process'],
  ['$12', '2', 'one digit is a name'],
  ['${12}', '', 'more in braces'],
  ['$ENV{HOME}', '{HOME}', 'braces behind a name are characters'],
  ['${X:-d} ${X-d} ${E:-d} ${E-d} ${A:-d}', 'd d d d alpha', 'defaults: empty counts as not set'],
  ['${X:-}', '', 'an empty default'],
  ['${X:+a} ${E+a} ${A:+a} ${A+a}', '  a a', 'alternatives'],
  ['${X:-$B}', 'beta/gamma.tar.gz', 'a default with a reference'],
  ['${X:-${B%%.*}}', 'beta/gamma', 'and with operators'],
  ['${A:+${X:-${B}}}', 'beta/gamma.tar.gz', 'nested'],
  [`\${X:-'a $A'}`, 'a $A', 'quotes in a default are removed, single ones guard'],
  ['${X:-"a $A"}', 'a alpha', 'double ones do not'],
  ['${X:-"}"}', '}', 'but a brace they do'],
  ['${X:-a\\ b}', 'a\\ b', 'a backslash stays'],
  ['${X:-\\}}', '\\}', 'and guards'],
  ['${X:-\\$A}', '\\$A', 'a dollar, too'],
  ['${X:-"\\$A\\a"}', '$A\\a', 'between quotes it is as outside'],
  ['${X:-a}b}', 'ab}', 'the first brace closes'],
  ['${X:-{a,b}}', '{a,b}', 'whatever is open'],
  ['${X:-a b;c|d&(e)<f>}', 'a b;c|d&(e)<f>', 'no other character means anything'],
  ['${B#*/}', 'gamma.tar.gz', 'shortest prefix'],
  ['${B##*.}', 'gz', 'longest prefix'],
  ['${B%.*}', 'beta/gamma.tar', 'shortest suffix'],
  ['${B%%.*}', 'beta/gamma', 'longest suffix'],
  [
    '${L%.*}|${L%?*}|${L%c*}|${L%%e*}|${L##*.}',
    'a|a.b|a.b\n|a.b\nc.d\n.|e',
    'a suffix from the first line where one begins',
  ],
  ['${A#*a}', 'lpha', 'shortest is shortest'],
  ['${A##*a}', '', 'longest is longest'],
  ['${A#b}', 'alpha', 'no match, no change'],
  ['${B#b[a-e]}', 'ta/gamma.tar.gz', 'a class'],
  ['${B##*[./]}', 'gz', 'a class of other characters'],
  ['${A%[!z]}', 'alph', 'a negated class'],
  ['${A%[]a]}', 'alph', 'a closing bracket in one'],
  ['${A%%[[:alpha:]]*}', '', 'a named class'],
  ['${A%[a}', 'alpha', 'a malformed pattern takes nothing'],
  [
    '${B%%[[:cntrl:]]}|${A%[[:print:]]}|${A%[[:graph:]]}|${U/[[:ascii:]]}',
    'beta/gamma.tar.gz|alph|alph|üer',
    'each named class',
  ],
  ['${A/[[.a.]]/x}|${A/[[=a=]]/x}', 'alpha|alpha', 'but no collating ones'],
  [
    '${B//[-.]/_}|${B//[.-]/_}',
    'beta/gamma.tar.gz|beta/gamma_tar_gz',
    'a - after the bracket, which is larger',
  ],
  ['${B//[+-\\/]/_}|${A/[a-c-e]/x}', 'beta_gamma_tar_gz|xlpha', 'a range up to an escaped one'],
  ['${B//[\\].]/_}', 'beta/gamma_tar_gz', 'an escaped bracket'],
  ['${A//[\\y]/x}', FAULT, 'an escaped letter, which may mean a class'],
  ['${G#\\*}', '.txt', 'an escaped star'],
  ['${G#*}', '*.txt', 'a star takes as little as it can'],
  ['${A/p/X} ${A//a/X} ${A/a}', 'alXha XlphX lpha', 'replacement'],
  ['${A//[a-l]/_}', '__p__', 'by a class'],
  ['${A//*/x}', 'x', 'a star takes all'],
  ['${B//\\//_}', 'beta_gamma.tar.gz', 'of slashes'],
  ['${A/a/$B}', 'beta/gamma.tar.gzlpha', 'by a reference'],
  ['${A//}', 'alpha', 'of nothing'],
  ['${A:1:3} ${A:1} ${A: -2} ${A::2}', 'lph lpha ha al', 'parts'],
  ['${A:N:1} ${A:$N:1} ${A:1+1:1}', 'h h p', 'arithmetic in them'],
  ['${A:9}', '', 'beyond the end is nothing'],
  ['${U:0:3}|${U:2}|${U:1:1}', 'üb|ber|\ufffd', 'in bytes, as the reference counts'],
  ['${A:0:-1}', 'alph', 'a length from the end'],
  ['${A^} ${A^^} ${A^^[a-l]} ${U^}', 'Alpha ALPHA ALpHA Über', 'upper case'],
  ['${A,,}', 'alpha', 'lower case'],
  ['${#A} ${#U} ${#X}', '5 4 0', 'lengths in characters'],
  ['${!REF}', 'alpha', 'a reference to a reference'],
  ['$((1 + 2 * 3)) $((N*2)) $(((1+2)*N)) $((-7/2))', '7 6 9 -3', 'arithmetic'],
  ['$((A+1))', '1', 'what is no number is 0'],
  ['${', FAULT, 'nothing behind it'],
  ['${}', FAULT, 'no name'],
  ['${A', FAULT, 'not closed'],
  ['${A.B}', FAULT, 'no operator'],
  ['${A }', FAULT, 'a space is none'],
  ["${X:-'a}", FAULT, 'a quote that is not closed'],
  ['${X:?no} ', FAULT, 'demanded'],
  ['${X:=d}', FAULT, 'nothing can be set'],
  ['${!X}', FAULT, 'refers to nothing'],
  ['$(id)', FAULT, 'no commands'],
  ['`id`', FAULT, 'in no form'],
  ['${X:-$(id)}', FAULT, 'nowhere'],
  ['$((1/0))', FAULT, 'division by zero'],
  ['$((1+', FAULT, 'arithmetic that is not closed'],
];

interface GoAnswer {
  readonly expanded?: string;
  readonly fault?: string;
}

describe('expandShell', () => {
  for (const [given, expected, why] of cases) {
    it(`turns ${JSON.stringify(given)} into ${JSON.stringify(expected)}: ${why}`, () => {
      assert.equal(expand(given), expected);
    });
  }

  it('agrees with mvdan.cc/sh on the table above and on 20,000 random texts', (t) => {
    const texts = [...cases.map(([given]) => given), ...fc.sample(shellText, 20_000)];
    const asked = askGo(
      'shell-expansion',
      texts.map((given) => ({ text: given, variables: SHELL_VARIABLES })),
    );
    if ('absent' in asked) return t.skip(asked.absent);
    const different = texts
      .map((given, index) => {
        const { expanded } = JSON.parse(asked.answers[index] ?? '') as GoAnswer;
        return { given, expanded, actual: expand(given), isOfTable: index < cases.length };
      })
      // Arithmetic is not evaluated completely here. Such a text stays, with a warning.
      .filter(({ actual, isOfTable }) => isOfTable || actual !== undefined)
      .filter(({ expanded, actual }) => expanded !== actual);
    assert.deepEqual(different, []);
  });

  it('ends, and does not change text without special characters, 10,000 times', () => {
    const any = fc.oneof(shellText, fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }));
    const law = fc.property(any, (given) => {
      const { text: expanded, fault } = expandShell(given, valueOf);
      if (fault !== undefined || !/[$`\\\0]|\r\n/.test(given)) assert.equal(expanded, given);
      assert.ok(expanded.length <= 64 * 1024);
    });
    fc.assert(law, { numRuns: 10_000 });
  });

  it('inserts any value unchanged, at any place, 10,000 times', () => {
    const law = fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (value) => {
      const expanded = expandShell('<$V|${V}|${V:-x}|${V#}|"${X-${V}}">', (name) =>
        name === 'V' ? value : '',
      );
      const [one, or] = [value, value === '' ? 'x' : value];
      assert.deepEqual(expanded, {
        text: `<${one}|${one}|${or}|${one}|"${one}">`,
        fault: undefined,
      });
    });
    fc.assert(law, { numRuns: 10_000 });
  });

  const BIG = 'a'.repeat(1024 * 1024);
  const hostile: [what: string, text: string][] = [
    ['a megabyte for each of a thousand references', '$BIG'.repeat(1_000)],
    ['a megabyte once', '${BIG}'],
    ['patterns of many stars', `\${BIG##${'*a'.repeat(200)}b}`],
    ['patterns of many stars from the end', `\${LONG%%${'*a'.repeat(2_000)}b}`],
    ['a class of many characters', `\${LONG//[${'b'.repeat(60_000)}]/x}`],
    ['such a class for the case', `\${LONG^^[${'b'.repeat(60_000)}]}`],
    ['a pattern of many characters for the case', `\${LONG^^${'?'.repeat(60_000)}}`],
    ['lengths of a megabyte', '${#BIG}'.repeat(8_000)],
    ['parts of a megabyte', '${BIG:0:1}'.repeat(6_000)],
    ['operators of a megabyte that change nothing', '${!BIG#x}'.repeat(6_000)],
    ['replacement at every place', `\${LONG//${'a'.repeat(500)}b/x}`],
    ['replacement that grows', '${LONG//a/$LONG}'],
    ['deep nesting', '${X:-'.repeat(20_000) + '}'.repeat(20_000)],
    ['deep nesting with quotes', '"${X:-'.repeat(20_000)],
    ['deep parentheses', `$((${'('.repeat(100_000)}`],
    ['many signs', `$((${'-'.repeat(100_000)}1))`],
    ['large products', `$((${'9999999999*'.repeat(9_000)}1))`],
    ['braces that never close', '${'.repeat(50_000)],
    ['backslashes', '\\'.repeat(100_000)],
    ['backslashes and NUL', '\\\0'.repeat(100_000)],
    ['continued lines', `$${'\\\n'.repeat(100_000)}1a`],
    ['names of names', `$((${'LOOP+'.repeat(10_000)}1))`],
    ['long numbers', `$((${'1$ZEROS+'.repeat(10_000)}1))`],
    ['dollars', '$'.repeat(100_000)],
  ];
  /** Above what linear work takes on a slow machine. Work that is not linear takes seconds. */
  const LIMIT_MS = 300;
  for (const [what, given] of hostile) {
    it(`takes at most ${LIMIT_MS} ms of CPU for ${what}`, () => {
      const values: Record<string, string> = {
        ...{ BIG, LONG: 'a'.repeat(10_000), ZEROS: `${'0'.repeat(60_000)}x` },
        ...{ LOOP: 'LOOP_OF_NAMES', LOOP_OF_NAMES: 'LOOP' },
      };
      const times = [1, 2, 3].map(() => {
        const start = cpuUsage();
        const { text: expanded } = expandShell(given, (name) => values[name] ?? '');
        assert.ok(expanded.length <= Math.max(given.length, 64 * 1024));
        return cpuUsage(start).user / 1000;
      });
      assert.ok(Math.min(...times) <= LIMIT_MS, `${times.join(', ')} ms`);
    });
  }
});
