import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { it } from 'node:test';
import { ESLint } from 'eslint';
import { projectRoot } from '../support/project-root.ts';
import { findCircle, groupImports, readImports } from './imports.ts';

const ROOT = projectRoot();
const SOURCES = join(ROOT, 'src');
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

it('the linter refuses a planted circle of values', async () => {
  const linter = new ESLint({
    cwd: ROOT,
    ruleFilter: ({ ruleId }) => ruleId === 'import-x/no-cycle',
    // The rule needs no types, and the linter takes long to load them.
    overrideConfig: { languageOptions: { parserOptions: { project: false } } },
  });
  const file = join(SOURCES, 'domain/trace/url-mask.ts');
  const importer = "import { createStreamStages } from './stream-stages.ts';\n";
  const planted = `${importer}${await readFile(file, 'utf8')}export const planted = createStreamStages;\n`;
  const [result] = await linter.lintText(planted, { filePath: file });
  assert.ok(result?.messages.some(({ ruleId }) => ruleId === 'import-x/no-cycle'));
});
