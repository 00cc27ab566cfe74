import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../support/project-root.ts';
import { importsOf } from './imports.ts';

interface Checks {
  findTests(directories: readonly string[]): Promise<readonly string[]>;
}

const SYSTEM = join(projectRoot(), 'dist/test/system');

test('a whole run runs each file of system tests once: by itself, or together with others', async () => {
  const script = pathToFileURL(join(projectRoot(), 'scripts/lib/checks.mjs')).href;
  const { findTests } = (await import(script)) as Checks;
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
