import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { projectRoot } from './project-root.ts';

interface Row {
  readonly engine: Readonly<Record<'name' | 'api' | 'storage' | 'cgroup' | 'runtime', string>>;
  readonly counts: Counts;
  readonly suites: readonly string[];
  readonly machine: readonly string[];
  readonly revision: string;
  readonly date: string;
  readonly command: string;
}

interface Counts {
  readonly passed: number;
  readonly skipped: number;
  readonly failed: readonly string[];
}

// The scripts have no types, because they run before anything is compiled.
const { formatRow, readCounts, withRow } = (await import(
  pathToFileURL(join(projectRoot(), 'scripts/lib/engine-table.mjs')).href
)) as {
  formatRow: (row: Row) => string;
  readCounts: (file: string) => Counts;
  withRow: (text: string, row: string) => string;
};

const PAGE = '# Engines\n\nWords.\n\n<!-- rows of `npm run engines` -->\n';

function rowOf(name: string, suites: readonly string[], failed: readonly string[]): string {
  return formatRow({
    engine: { name, api: '1.41', storage: 'overlay2', cgroup: 'v1', runtime: 'runc 1' },
    counts: { passed: 3, skipped: 1, failed },
    ...{ suites, machine: ['2 × any', 'Linux'], revision: 'abc', date: '2026-01-01' },
    command: 'npm run engines',
  });
}

void test('rows are added to the page in order, and each run replaces the one before it', () => {
  const first = withRow(PAGE, rowOf('Podman 4.3.1', ['system'], ['system/a: a | b\nc']));
  const second = withRow(first, rowOf('Docker Engine 29.7.2', ['system'], []));
  const third = withRow(second, rowOf('Docker Engine 29.7.2', ['system/a'], []));
  const again = withRow(third, rowOf('Podman 4.3.1', ['system'], []));
  const cells = (page: string): readonly (readonly (string | undefined)[])[] =>
    page
      .split('\n')
      .filter((line) => line.startsWith('| Docker') || line.startsWith('| Podman'))
      .map((line) => line.split(' | '))
      .map((row) => [row[0], row[5], row[9]]);
  assert.deepEqual(cells(third), [
    ['| Docker Engine 29.7.2', 'system', '–'],
    ['| Docker Engine 29.7.2', 'system/a', '–'],
    ['| Podman 4.3.1', 'system', 'system/a: a \\| b c'],
  ]);
  assert.deepEqual(cells(again).at(-1), ['| Podman 4.3.1', 'system', '–']);
  assert.equal(again.split('\n').filter((line) => line.startsWith('| engine ')).length, 1);
  assert.ok(again.startsWith(PAGE));
});

void test('text below the table stays there', () => {
  const page = withRow(
    `${withRow(PAGE, rowOf('a', ['system'], []))}\nAfterwards.\n`,
    rowOf('b', ['system'], []),
  );
  assert.ok(page.endsWith('\n\nAfterwards.\n'), page);
});

void test('a page without a place for rows is refused', () => {
  assert.throws(() => withRow('# Engines\n', rowOf('a', [], [])), /has no line <!-- rows/);
});

void test('passed, skipped and failed tests are read from the results', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-engines-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'results');
  const line = (state: string): string =>
    `${JSON.stringify({ state, test: 'system/a', name: `it ${state}` })}\n`;
  await writeFile(file, ['passed', 'failed', 'passed', 'skipped'].map(line).join(''));
  assert.deepEqual(readCounts(file), {
    passed: 2,
    skipped: 1,
    failed: ['system/a: it failed'],
  });
  assert.deepEqual(readCounts(join(directory, 'none')), { passed: 0, skipped: 0, failed: [] });
});
