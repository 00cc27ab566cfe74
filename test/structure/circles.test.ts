import assert from 'node:assert/strict';
import { dirname, join, relative } from 'node:path';
import { it } from 'node:test';
import { projectRoot } from '../support/project-root.ts';
import { findCircle, groupImports, readImports } from './imports.ts';

const ROOT = projectRoot();
const SOURCES = join(ROOT, 'src');
const COMPILED = join(ROOT, 'dist');
/**
 * Each file directly below these folders is a room of its own: a contract that all rooms read, or a
 * list that reads all rooms.
 */
const OPEN_FOLDERS = ['.', 'activities', 'workflows', 'worker'];

function roomOf(file: string): string {
  const folder = relative(SOURCES, dirname(file)) || '.';
  return OPEN_FOLDERS.includes(folder) ? relative(SOURCES, file) : folder;
}

it('no file of src imports itself by way of others, not even for types', async () => {
  const imports = await readImports(SOURCES);
  assert.ok(imports.size > 300, `only ${imports.size} files were found`);
  assert.equal(
    findCircle(imports)
      ?.map((file) => relative(SOURCES, file))
      .join(' → '),
    undefined,
  );
});

it('no room of src imports itself by way of others', async () => {
  const rooms = groupImports(await readImports(SOURCES), roomOf);
  assert.ok(rooms.size > 30, `only ${rooms.size} rooms were found`);
  assert.equal(findCircle(rooms)?.join(' → '), undefined);
});

it('a circle of types and one of rooms are found', async () => {
  const imports = new Map(await readImports(SOURCES));
  const [contract, stage] = ['activities/contract.ts', 'domain/context/stage.ts'].map((name) =>
    join(SOURCES, name),
  );
  imports.set(stage!, [...imports.get(stage!)!, contract!]);
  assert.ok(findCircle(imports));
  assert.ok(findCircle(groupImports(imports, roomOf)));
});

/** Reads the imports of values of everything that is compiled. */
async function readCompiled(): Promise<Map<string, readonly string[]>> {
  const folders = ['src', 'test', 'tools'].map((folder) => join(COMPILED, folder));
  const found = await Promise.all(folders.map((folder) => readImports(folder, '.js')));
  return new Map(found.flatMap((imports) => [...imports]));
}

it('no file imports values of itself by way of others, also not in tests and tools', async () => {
  const imports = await readCompiled();
  assert.ok(imports.size > 1_000, `only ${imports.size} files were found`);
  assert.equal(
    findCircle(imports)
      ?.map((file) => relative(COMPILED, file))
      .join(' → '),
    undefined,
  );
  // A planted circle is found: one file that is imported imports its importer.
  const [mask, stages] = ['url-mask.js', 'stream-stages.js'].map((name) =>
    join(COMPILED, 'src/domain/trace', name),
  );
  imports.set(mask!, [...imports.get(mask!)!, stages!]);
  assert.ok(findCircle(imports)?.includes(mask!));
});
