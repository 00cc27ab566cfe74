import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../support/project-root.ts';
import { importsOf } from './imports.ts';

interface Checks {
  findTests(directories: readonly string[]): Promise<readonly string[]>;
}

interface Groups {
  readonly ALONE: readonly string[];
  groupTests(files: readonly string[], directory: string): readonly string[];
}

const SYSTEM = join(projectRoot(), 'dist/test/system');

async function importScript(name: string): Promise<unknown> {
  return import(pathToFileURL(join(projectRoot(), 'scripts/lib', name)).href);
}

test('a whole run runs each file of system tests once: by itself, or together with others', async () => {
  const { findTests } = (await importScript('checks.mjs')) as Checks;
  const found = await findTests(['system']);
  const together = found.filter((file) => file.startsWith(join(SYSTEM, 'together')));
  const imports = (await Promise.all(together.map(importsOf))).flat();
  const taken = imports.filter((file) => file.endsWith('.test.js'));
  assert.ok(taken.length > 10, `only ${taken.length} files run together`);
  const all = (await readdir(SYSTEM, { recursive: true }))
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(SYSTEM, name));
  assert.deepEqual([...found, ...taken].sort(), all.sort());
});

test('a whole run runs each file of quick tests once: by itself, or in the process of a group', async (t) => {
  const { findTests } = (await importScript('checks.mjs')) as Checks;
  const { ALONE, groupTests } = (await importScript('test-groups.mjs')) as Groups;
  const directory = await mkdtemp(join(tmpdir(), 'tgr-groups-'));
  t.after(() => rm(directory, { recursive: true }));
  const files = await findTests(['activities', 'adapters', 'commands', 'domain', 'worker']);
  const entries = groupTests(files, directory);
  const run = await Promise.all(
    entries.map(async (entry) => {
      if (!entry.endsWith('.group.mjs')) return [entry];
      return JSON.parse(/\[[^\]]*\]/.exec(await readFile(entry, 'utf8'))?.[0] ?? '') as string[];
    }),
  );
  assert.deepEqual(run.flat().sort(), [...files].sort());
  assert.ok(
    entries.length < files.length / 2,
    `${files.length} files take ${entries.length} processes`,
  );
  const paths = files.map((file) => relative(join(projectRoot(), 'dist/test'), file));
  const gone = ALONE.filter((alone) => !paths.some((path) => path.startsWith(alone)));
  assert.deepEqual(gone, [], 'these no longer exist');
});

/** Calls of hooks outside a function or a suite. */
const HOOK = /^(?:before|after)(?:Each)?\(/m;

test('hooks of all tests of a file stand in the file itself, not in one that several import', async () => {
  // Such a module is loaded once, and its hooks belong to the first file of a process alone.
  const names = await readdir(join(projectRoot(), 'test'), { recursive: true });
  const modules = names.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const texts = await Promise.all(
    modules.map((name) => readFile(join(projectRoot(), 'test', name), 'utf8')),
  );
  assert.deepEqual(
    modules.filter((_, index) => HOOK.test(texts[index] ?? '')),
    [],
  );
  assert.ok(modules.length > 50, `only ${modules.length} modules`);
  assert.match("import { after } from 'node:test';\nafter(() => rm(directory));", HOOK);
});
