import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  filesOf,
  formatEnvironment,
  maskPhrasesOf,
  servicesEnvironment,
  skippedWarning,
} from '../../../src/domain/variables/environment.ts';
import {
  listVariables,
  runnerVariable,
  type Variable,
} from '../../../src/domain/variables/variable-list.ts';

const v = (key: string, value: string, flags: Partial<Variable> = {}): Variable => ({
  ...runnerVariable(key, value),
  isForServices: false,
  ...flags,
});
const FILE = { isFile: true };
const MASKED = { isMasked: true };

describe('an environment', () => {
  const cases: [entries: Variable[], lines: string[], skipped: string[], why: string][] = [
    [[v('A', '1'), v('B', ''), v('A', '2')], ['A=2', 'B='], [], 'the last of a name, empty too'],
    [[v('A', 'x\ny "$B"')], ['A=x\ny "$B"'], [], 'whatever a value holds'],
    [[v('F', 'secret', FILE)], ['F=/t/F'], [], 'a file stands for its path'],
    [[v('F', 'a\0b', FILE)], ['F=/t/F'], [], 'and may hold anything'],
    [[v('A', 'a\0b')], [], ['A'], 'no process can be handed a NUL'],
    [
      [v('1A', 'x'), v('a-b', 'x'), v('a.b', 'x'), v('', 'x')],
      [],
      ['1A', 'a-b', 'a.b', ''],
      'names',
    ],
    [[v('_a1', 'x'), v('É', 'x')], ['_a1=x'], ['É'], 'letters of ASCII only'],
    [[v('A\nB', 'x'), v('A=B', 'x')], [], ['A\nB', 'A=B'], 'nothing smuggles in another line'],
  ];
  for (const [entries, lines, skipped, why] of cases) {
    it(`of ${JSON.stringify(entries.map(({ key }) => key))} is as it must be: ${why}`, () => {
      assert.deepEqual(formatEnvironment(entries, '/t'), { lines, skipped });
    });
  }
});

describe('the environment of a service', () => {
  const entries = [
    v('P', 'public', { isForServices: true }),
    v('S', 'secret'),
    v('F', 'content', { ...FILE, isForServices: true }),
  ];
  const of = (...own: Variable[]): readonly string[] =>
    servicesEnvironment(listVariables(entries, '/t'), own, '/t');

  it('shows nothing that services must not see', () => {
    assert.deepEqual(of(), ['P=public', 'F=/t/F']);
  });

  it('adds its own variables, which refer to everything and to each other', () => {
    const own = [v('A', '$S', { isRaw: false }), v('B', '$A', { isRaw: false }), v('C', '$S')];
    assert.deepEqual(of(...own), ['P=public', 'F=/t/F', 'A=secret', 'B=$S', 'C=$S']);
  });

  it('accepts names as they are, except those that no process can receive', () => {
    const own = ['xpack.security.enabled', 'a-b', '9', 'größe', '', 'A=B', 'N\0'];
    assert.deepEqual(of(...own.map((name) => v(name, '1'))).slice(2), [
      ...['xpack.security.enabled=1', 'a-b=1', '9=1', 'größe=1'],
    ]);
  });

  it('prefers its own variables', () => {
    assert.deepEqual(of(v('P', 'mine')), ['P=mine', 'F=/t/F']);
  });
});

describe('files of variables', () => {
  it('contain exactly the last value of each name that is a file', () => {
    const entries = [v('F', 'old', FILE), v('F', 'new', FILE), v('G', 'x', FILE), v('G', 'y')];
    assert.deepEqual(filesOf(entries, '/t'), [{ path: '/t/F', content: 'new' }]);
  });

  it('never leave their directory, whatever the name is', () => {
    const name = fc.oneof(fc.string(), fc.constantFrom('..', '../x', '/etc/passwd', 'a/b', '.'));
    fc.assert(
      fc.property(fc.array(name), (names) => {
        const files = filesOf(
          names.map((key) => v(key, 'x', FILE)),
          '/t',
        );
        for (const { path } of files) assert.match(path, /^\/t\/[A-Za-z_]\w*$/);
      }),
    );
  });
});

describe('phrases to mask', () => {
  it('are trimmed, each once, the longest first, including overridden ones', () => {
    const entries = [
      v('A', ' ab ', MASKED),
      v('A', 'plain'),
      v('B', 'abc\n', MASKED),
      v('C', 'ab', MASKED),
      v('D', '\u0085 \u0085', MASKED),
    ];
    assert.deepEqual(maskPhrasesOf(entries), ['abc', 'ab']);
  });

  it('contain a long secret before any part of it, in a fixed order', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'b') })), (values) => {
        const phrases = maskPhrasesOf(values.map((value) => v('K', value, MASKED)));
        const again = maskPhrasesOf(values.toReversed().map((value) => v('K', value, MASKED)));
        assert.deepEqual(phrases, again);
        phrases.forEach((phrase, at) => {
          assert.ok(phrases.slice(0, at).every((earlier) => !phrase.includes(earlier)));
        });
      }),
    );
  });

  it('are found quickly in a value of unusual white space', () => {
    const startedMs = performance.now();
    maskPhrasesOf([v('A', `x${'\u0085 '.repeat(10_000)}y`, MASKED)]);
    assert.ok(performance.now() - startedMs < 500);
  });
});

describe('a warning about variables', () => {
  it('is one short line, whatever the names are', () => {
    assert.deepEqual(skippedWarning('left out', []), []);
    const names = ['a\nb', 'x'.repeat(5_000), ...Array<string>(20).fill('c')];
    const [line = '', ...rest] = skippedWarning('left out', names);
    assert.deepEqual(rest, []);
    assert.match(line, /^variables left out: "a\\nb", "x{100}", .* and 12 more$/);
  });
});
