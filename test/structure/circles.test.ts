import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { it } from 'node:test';
import { ESLint } from 'eslint';
import ts from 'typescript';
import { projectRoot } from '../support/project-root.ts';

const ROOT = projectRoot();
const SOURCES = join(ROOT, 'src');

/** Each file with the files that it imports, for values or for types alone. */
async function readImports(): Promise<ReadonlyMap<string, readonly string[]>> {
  const names = await readdir(SOURCES, { recursive: true });
  const files = names.filter((name) => name.endsWith('.ts')).map((name) => join(SOURCES, name));
  return new Map(
    await Promise.all(files.map(async (file) => [file, await importsOf(file)] as const)),
  );
}

async function importsOf(file: string): Promise<readonly string[]> {
  const { importedFiles } = ts.preProcessFile(await readFile(file, 'utf8'));
  return importedFiles
    .map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.'))
    .map((name) => join(file, '..', name));
}

/** One circle, as paths below `src`; undefined when there is none. */
function findCircle(
  imports: ReadonlyMap<string, readonly string[]>,
): readonly string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const next of imports.get(file) ?? []) {
      const circle = visit(next, [...path, file]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of imports.keys()) {
    const circle = visit(file, []);
    if (circle !== undefined) return circle.map((member) => relative(SOURCES, member));
  }
  return undefined;
}

it('no file of src imports itself by way of others, not even for types', async () => {
  const imports = await readImports();
  assert.ok(imports.size > 300, `only ${imports.size} files were found`);
  assert.equal(findCircle(imports)?.join(' → '), undefined);
});

it('a circle of types is found', async () => {
  const imports = new Map(await readImports());
  const [contract, stage] = ['activities/contract.ts', 'domain/build/stage.ts'].map((name) =>
    join(SOURCES, name),
  );
  imports.set(stage!, [contract!]);
  assert.deepEqual(findCircle(imports)?.length, 3);
});

it('the linter refuses a planted circle of values', async () => {
  const linter = new ESLint({
    cwd: ROOT,
    ruleFilter: ({ ruleId }) => ruleId === 'import-x/no-cycle',
    // The rule needs no types, which take the linter long to load.
    overrideConfig: { languageOptions: { parserOptions: { projectService: false } } },
  });
  const file = join(SOURCES, 'domain/trace/url-mask.ts');
  const importer = "import { createStreamStages } from './stream-stages.ts';\n";
  const planted = `${importer}${await readFile(file, 'utf8')}export const planted = createStreamStages;\n`;
  const [result] = await linter.lintText(planted, { filePath: file });
  assert.ok(result?.messages.some(({ ruleId }) => ruleId === 'import-x/no-cycle'));
});
