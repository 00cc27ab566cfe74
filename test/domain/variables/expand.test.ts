import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { expandText, specialValue } from '../../../src/domain/variables/expand.ts';

/** Returns the requested name. */
const show = (name: string): string => `<${name}>`;

// Each row was run once through Go's os.Expand with the same mapping.
const cases: [text: string, expected: string, why: string][] = [
  ['', '', 'nothing to do'],
  ['plain', 'plain', 'no reference'],
  ['$A', '<A>', 'bare name'],
  ['${A}', '<A>', 'name in braces'],
  ['a$B-c', 'a<B>-c', 'a name ends where no letter, digit or _ follows'],
  ['$A$B${C}', '<A><B><C>', 'references side by side'],
  ['$', '$', 'a dollar at the end stays'],
  ['5$ and', '5$ and', 'a dollar before a space stays'],
  ['$.x', '$.x', 'a dollar before a dot stays'],
  ['$ä', '$ä', 'letters are ASCII only'],
  ['$$', '<$>', 'the shell name $'],
  ['$$A', '<$>A', 'the second dollar is used up'],
  ['${$}', '<$>', 'special name in braces'],
  ['${*}', '<*>', 'special name in braces'],
  ['$*x', '<*>x', 'special names are one character'],
  ['$12', '<1>2', 'a digit is a name of its own'],
  ['$-', '<->', 'Go counts - among special names'],
  ['${}', '', 'empty braces vanish'],
  ['a${}b', 'ab', 'empty braces vanish'],
  ['${', '', 'an unclosed brace vanishes'],
  ['${A', 'A', 'only the opening is eaten'],
  ['${A $B', 'A <B>', 'what follows an unclosed brace is looked at'],
  ['${A:-x}', '<A:-x>', 'no shell operators: the whole text is the name'],
  ['${A B}', '<A B>', 'anything up to the brace is the name'],
  ['${${A}}', '<${A>}', 'braces do not nest'],
  ['$A\n$B', '<A>\n<B>', 'lines do not matter'],
  ['\\$A', '\\<A>', 'there is no escape'],
  ['$_A9', '<_A9>', 'underscore begins a name'],
  ['💥$A💥', '💥<A>💥', 'what is no reference stays, whatever its encoding'],
];

describe('expandText', () => {
  for (const [text, expected, why] of cases) {
    it(`turns ${JSON.stringify(text)} into ${JSON.stringify(expected)}: ${why}`, () => {
      assert.equal(expandText(text, show), expected);
    });
  }

  it('does not expand the value of a reference', () => {
    assert.equal(
      expandText('$A', () => '$B${C}'),
      '$B${C}',
    );
  });

  it('agrees with a slow implementation of the rules on 10,000 texts full of references', () => {
    const piece = fc.constantFrom(
      ...[
        '$',
        '{',
        '}',
        'A',
        'b_1',
        '-',
        ' ',
        '*',
        '0',
        '$$',
        '${',
        'é',
        '\n',
        '${}',
        '${X}',
        '$Y',
      ],
    );
    const text = fc.array(piece, { maxLength: 25 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (given) => {
        assert.equal(expandText(given, show), expandSlowly(given));
      }),
      { numRuns: 10_000 },
    );
  });

  it('never throws and does not change text without a dollar sign', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const expanded = expandText(text, () => '');
        assert.ok(expanded.length <= text.length);
        if (!text.includes('$')) assert.equal(expanded, text);
      }),
      { numRuns: 10_000 },
    );
  });

  it('leaves no name unexpanded', () => {
    const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/);
    const literal = fc.stringMatching(/^[ .:/]{1,5}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, literal)), (parts) => {
        const text = parts.map(([key, rest]) => `$${key}${rest}\${${key}}`).join('');
        const expected = parts.map(([, rest]) => `v${rest}v`).join('');
        assert.equal(
          expandText(text, () => 'v'),
          expected,
        );
      }),
      { numRuns: 2_000 },
    );
  });

  it('stays linear for braces that are never closed', () => {
    const startMs = performance.now();
    assert.equal(expandText('${'.repeat(500_000), show), '');
    assert.ok(performance.now() - startMs < 2_000);
  });
});

describe('specialValue', () => {
  const specials: [name: string, expected: string | undefined, why: string][] = [
    ['$', '$', '$$ is how a dollar is written'],
    ['*', '', 'arguments of a shell'],
    ['#', '', 'arguments of a shell'],
    ['@', '', 'arguments of a shell'],
    ['!', '', 'background process'],
    ['?', '', 'exit status'],
    ['0', '', 'arguments of a shell'],
    ['9', '', 'arguments of a shell'],
    ['-', undefined, 'gitlab-runner looks this one up'],
    ['10', undefined, 'only single digits are special'],
    ['A', undefined, 'a variable'],
    ['', undefined, 'no name'],
  ];
  for (const [name, expected, why] of specials) {
    it(`returns ${JSON.stringify(expected)} for ${JSON.stringify(name)}: ${why}`, () => {
      assert.equal(specialValue(name), expected);
    });
  }
});

/** The same rules, written one character after another. */
function expandSlowly(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i += 1) {
    const rest = text.slice(i + 1);
    if (text.charAt(i) !== '$' || rest === '') {
      out += text.charAt(i);
      continue;
    }
    const found =
      /^\{([*#$@!?0-9-])\}/.exec(rest) ??
      /^\{([^}]+)\}/.exec(rest) ??
      /^([*#$@!?0-9-])/.exec(rest) ??
      /^([A-Za-z0-9_]+)/.exec(rest);
    if (found !== null) {
      out += show(found[1] ?? '');
      i += found[0].length;
    } else if (rest.startsWith('{}')) i += 2;
    else if (rest.startsWith('{')) i += 1;
    else out += '$';
  }
  return out;
}
