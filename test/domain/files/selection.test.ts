import assert from 'node:assert/strict';
import { cpuUsage } from 'node:process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseGlob } from '../../../src/domain/files/glob.ts';
import { planSelection, type SelectionOptions } from '../../../src/domain/files/selection.ts';

const PROJECT = '/builds/group/project';

const TREE = [
  '.git',
  '.git/config',
  'README.md',
  'dist',
  'dist/.hidden',
  'dist/app.js',
  'dist/maps',
  'dist/maps/app.js.map',
  'src',
  'src/app.ts',
  'src/lib',
  'src/lib/index.ts',
  'src/lib/index.test.ts',
  'target[1]',
  'target[1]/out.bin',
];

function select(order: Partial<SelectionOptions>, tree: readonly string[] = TREE) {
  const selection = planSelection({
    ...{ projectDir: PROJECT, paths: [], exclude: [], subject: 'artifacts' },
    ...order,
  });
  const taken = tree.filter((path) => selection.offer(path));
  const lines = selection.lines().map(({ level, text }) => `${level}: ${text}`);
  return { taken, lines, roots: selection.roots, needsListing: selection.needsListing };
}

const nothing = (path: string): string =>
  `warning: ${path}: no matching files. Ensure that the artifact path is relative to the working directory (${PROJECT})`;
const found = (path: string, count: number): string =>
  `plain: ${path}: found ${count} matching artifact files and directories`;

interface Case {
  readonly why: string;
  readonly order: Partial<SelectionOptions>;
  readonly taken: readonly string[];
  readonly lines: readonly string[];
}

const DIST = TREE.filter((path) => path.startsWith('dist'));
const SRC = TREE.filter((path) => path.startsWith('src'));

const cases: readonly Case[] = [
  {
    why: 'a directory is taken with all in it, dotfiles too',
    order: { paths: ['dist/'] },
    taken: DIST,
    lines: [found('dist/', 5)],
  },
  {
    why: 'an absolute path inside of the project is as good',
    order: { paths: [`${PROJECT}/dist`] },
    taken: DIST,
    lines: [found(`${PROJECT}/dist`, 5)],
  },
  {
    why: 'a path that leaves the project and comes back is inside',
    order: { paths: ['../project/./dist//', 'src/../dist/app.js'] },
    taken: DIST,
    lines: [found('../project/./dist//', 5), found('src/../dist/app.js', 1)],
  },
  {
    why: 'what lies outside is told and ignored',
    order: { paths: ['../other', '/etc/passwd', '/builds/group/project2/*', 'dist/*/../../../*'] },
    taken: [],
    lines: [
      ...['../other', '/etc/passwd', '/builds/group/project2/*', 'dist/*/../../../*'].map(
        (path) =>
          `warning: processPath: artifact path is not a subpath of project directory: ${path}`,
      ),
      'error: No files to upload',
    ],
  },
  {
    why: 'the project directory itself is everything, and the repository in it a reason to warn',
    order: { paths: ['.'] },
    taken: TREE,
    lines: [
      found('.', 15),
      'warning: Part of .git directory is on the list of files to archive',
      'warning: This may introduce unexpected problems',
    ],
  },
  {
    why: 'two stars are everything, too',
    order: { paths: ['**'], exclude: ['.git', '.git/**'] },
    taken: TREE.slice(2),
    lines: [found('**', 13), 'plain: .git: excluded 1 files', 'plain: .git/**: excluded 1 files'],
  },
  {
    why: 'a directory that a pattern matches is taken with all in it',
    order: { paths: ['s*'] },
    taken: SRC,
    lines: [found('s*', 5)],
  },
  {
    why: 'a pattern across directories takes what matches and nothing around it',
    order: { paths: ['**/*.ts'] },
    taken: ['src/app.ts', 'src/lib/index.ts', 'src/lib/index.test.ts'],
    lines: [found('**/*.ts', 3)],
  },
  {
    why: 'all below of a directory is the directory, too',
    order: { paths: ['dist/**'] },
    taken: DIST,
    lines: [found('dist/**', 5)],
  },
  {
    why: 'excludes count for each file',
    order: { paths: ['src'], exclude: ['**/*.test.ts', 'src/app.ts'] },
    taken: ['src', 'src/lib', 'src/lib/index.ts'],
    lines: [
      found('src', 3),
      'plain: **/*.test.ts: excluded 1 files',
      'plain: src/app.ts: excluded 1 files',
    ],
  },
  {
    why: 'to exclude a directory’s name does not exclude what is in it',
    order: { paths: ['dist'], exclude: ['dist/maps/'] },
    taken: ['dist', 'dist/.hidden', 'dist/app.js', 'dist/maps/app.js.map'],
    lines: [found('dist', 4), 'plain: dist/maps/: excluded 1 files'],
  },
  {
    why: 'an absolute exclude inside of the project is as good, one outside excludes nothing',
    order: { paths: ['src'], exclude: [`${PROJECT}/src/lib/**`, '../src/**'] },
    taken: ['src', 'src/app.ts'],
    lines: [
      found('src', 2),
      `plain: ${PROJECT}/src/lib/**: excluded 3 files`,
      'warning: isExcluded: artifact path is not a subpath of project directory: ../src/**',
    ],
  },
  {
    why: 'when all is excluded nothing was found',
    order: { paths: ['README.md'], exclude: ['*.md'] },
    taken: [],
    lines: [nothing('README.md'), 'plain: *.md: excluded 1 files', 'error: No files to upload'],
  },
  {
    why: 'each path is counted by itself, each file is taken once',
    order: { paths: ['dist', 'dist/app.js', 'dist/*.js', 'missing'] },
    taken: DIST,
    lines: [found('dist', 5), found('dist/app.js', 1), found('dist/*.js', 1), nothing('missing')],
  },
  {
    why: 'nothing at all is a warning for a cache',
    order: { paths: ['missing'], subject: 'cache' },
    taken: [],
    lines: [nothing('missing'), 'warning: No files to cache.'],
  },
  {
    why: 'no path at all is nothing',
    order: {},
    taken: [],
    lines: ['error: No files to upload'],
  },
  {
    why: 'an empty path and a malformed one are told, and others still count',
    order: { paths: ['', 'a[', 'README.md'] },
    taken: ['README.md'],
    lines: [
      'warning: No matching files. Path is empty.',
      'warning: a[: syntax error in pattern',
      found('README.md', 1),
    ],
  },
  {
    why: 'untracked files are taken and counted by themselves',
    order: { paths: ['README.md'], untracked: ['dist/app.js', 'src/lib/', 'vanished'] },
    taken: ['README.md', 'dist/app.js', 'src/lib'],
    lines: [found('README.md', 1), 'plain: untracked: found 2 files'],
  },
  {
    why: 'untracked files can be excluded, and none is a warning',
    order: { untracked: ['dist/app.js'], exclude: ['dist/**'] },
    taken: [],
    lines: [
      'warning: untracked: no files',
      'plain: dist/**: excluded 1 files',
      'error: No files to upload',
    ],
  },
  {
    why: 'a directory is no pattern once it is escaped',
    order: { paths: ['target\\[1\\]/*.bin'] },
    taken: ['target[1]/out.bin'],
    lines: [found('target\\[1\\]/*.bin', 1)],
  },
  {
    why: 'names that begin alike are not inside of each other',
    order: { paths: ['dis', 'src/ap', 'src/li*/index'] },
    taken: [],
    lines: [
      nothing('dis'),
      nothing('src/ap'),
      nothing('src/li*/index'),
      'error: No files to upload',
    ],
  },
  {
    why: 'a star before braces may stand for nothing, at the end of a name too',
    order: { paths: ['dist*{,.gz}', 'src/app*{.js,.ts}', 'src/lib*{.d,}'] },
    taken: [...DIST, ...SRC.filter((path) => path !== 'src')],
    lines: [found('dist*{,.gz}', 5), found('src/app*{.js,.ts}', 1), found('src/lib*{.d,}', 3)],
  },
  {
    why: 'an exclude takes the same names as a path in the same words',
    order: { paths: ['src'], exclude: ['src/app.ts*{,.bak}'] },
    taken: SRC.filter((path) => path !== 'src/app.ts'),
    lines: [found('src', 4), 'plain: src/app.ts*{,.bak}: excluded 1 files'],
  },
];

describe('planSelection', () => {
  for (const { why, order, taken, lines } of cases) {
    it(why, () => {
      const selection = select(order);
      assert.deepEqual(selection.taken, taken);
      assert.deepEqual(selection.lines, lines);
    });
  }

  const roots: [paths: string[], roots: string[], needsListing: boolean, why: string][] = [
    [['dist/'], ['dist'], false, 'a directory is read whole'],
    [['dist/app.js', 'src'], ['dist/app.js', 'src'], false, 'a file alone'],
    [['dist/*'], ['dist'], false, 'all in a directory is the directory'],
    [['dist/**/*'], ['dist'], false, 'however it is said'],
    [['dist/*.js'], ['dist'], true, 'a directory may hold much else'],
    [['**/*.log'], [''], true, 'the whole project for a few files'],
    [['.'], [''], false, 'the whole project'],
    [['*'], [''], false, 'the whole project, too'],
    [['a/b', 'a', 'ab', 'a/c/*'], ['a', 'ab'], false, 'none inside another'],
    [['a', 'a-b', 'a/c'], ['a', 'a-b'], false, 'whatever lies between them in the alphabet'],
    [['x', '*'], [''], false, 'the whole has all'],
    [['a/{b,c}/*.o'], ['a'], true, 'up to the first special character'],
    [['../x', '', 'a['], [], false, 'nothing that cannot be used'],
    [['a\\*b/c*'], ['a*b'], true, 'without escapes'],
  ];
  for (const [paths, expected, needsListing, why] of roots) {
    it(`reads ${JSON.stringify(expected)} for ${JSON.stringify(paths)}: ${why}`, () => {
      const selection = select({ paths });
      assert.deepEqual(selection.roots, expected);
      assert.equal(selection.needsListing, needsListing);
    });
  }

  it('reads untracked files separately unless they are inside another root', () => {
    assert.deepEqual(select({ paths: ['dist'], untracked: ['dist/x', 'y'] }).roots, ['dist', 'y']);
  });

  const name = fc.constantFrom('a', 'b', 'ab', 'c.o', 'd.c', '.x');
  const tree = fc
    .array(fc.array(name, { minLength: 1, maxLength: 4 }), { maxLength: 12 })
    .map((files) => {
      const all = files.flatMap((parts) => parts.map((_, at) => parts.slice(0, at + 1).join('/')));
      return [...new Set(all)].sort();
    });
  const pattern = fc
    .array(fc.constantFrom('a', 'b', '*', '**', '*.o', '.x', '{a,b}', 'a*', '?', '[!a]*'), {
      minLength: 1,
      maxLength: 3,
    })
    .map((parts) => parts.join('/'));

  it('selects the files of the rules, and reads at least those, in 10,000 random projects', () => {
    const patterns = fc.array(pattern, { maxLength: 3 });
    const law = fc.property(tree, patterns, patterns, (files, paths, exclude) => {
      const { taken, roots } = select({ paths, exclude }, files);
      const globs = paths.map((text) => parseGlob(text));
      const expected = files.filter((path) => {
        const isWanted = withAncestors(path).some((each) => globs.some((g) => g?.matches(each)));
        return isWanted && !exclude.some((text) => parseGlob(text)?.matches(path));
      });
      assert.deepEqual(taken, expected);
      const isRead = (path: string): boolean =>
        roots.includes('') || withAncestors(path).some((each) => roots.includes(each));
      for (const path of taken) assert.ok(isRead(path), `${path} is below of ${roots.join(', ')}`);
      for (const root of roots) {
        const above = ['', ...withAncestors(root).slice(0, -1)];
        assert.ok(root === '' || !above.some((each) => roots.includes(each)), roots.join(', '));
      }
    });
    fc.assert(law, { numRuns: 10_000 });
  });

  it('counts the files that it selects for each path, in 10,000 random projects', () => {
    const law = fc.property(tree, pattern, (files, path) => {
      const { taken, lines } = select({ paths: [path] }, files);
      assert.equal(lines[0], taken.length === 0 ? nothing(path) : found(path, taken.length));
    });
    fc.assert(law, { numRuns: 10_000 });
  });

  it('never leaves the project, with 10,000 random paths', () => {
    const part = fc.constantFrom(
      '..',
      '.',
      '',
      'a',
      '*',
      '**',
      '/',
      'project',
      'group',
      'builds',
      '\\..',
      '[.]*',
    );
    const path = fc.array(part, { maxLength: 8 }).map((parts) => parts.join('/'));
    const law = fc.property(path, (text) => {
      for (const root of select({ paths: [text] }).roots) {
        assert.ok(!root.startsWith('/') && !root.split('/').includes('..'), `${text}: ${root}`);
      }
    });
    fc.assert(law, { numRuns: 10_000 });
  });

  const hostilePattern = `${'**/*a'.repeat(300)}b`;
  const hostileFiles = Array.from({ length: 1_000 }, (_, index) => `${'a/'.repeat(2_000)}${index}`);

  it('drops too complex patterns with a warning, so that a job cannot block the worker', () => {
    const start = cpuUsage();
    const paths = Array.from({ length: 200 }, (_, index) => `${hostilePattern}${index}`);
    const { lines } = select({ paths }, hostileFiles);
    const seconds = cpuUsage(start).user / 1_000_000;
    assert.equal(lines[0], `warning: ${paths[0]}: the pattern is too complex, 0 files taken`);
    assert.ok(seconds < 40, `${seconds} s`);
  });

  it('excludes everything for a pattern that is too complex, because it might protect a secret', () => {
    const { taken, lines } = select({ paths: ['.'], exclude: [hostilePattern] }, hostileFiles);
    assert.deepEqual(taken, []);
    assert.ok(
      lines.includes(`warning: ${hostilePattern}: the pattern is too complex, it excludes all`),
    );
  });
});

function withAncestors(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
