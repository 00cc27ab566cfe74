import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../support/project-root.ts';
import { type ExportedName, type FileExports, readExports, unusedValues } from './exports.ts';

const ROOT = projectRoot();
const CONTRACTS = ['src/activities/contract.ts', 'src/workflows/messages.ts'];
/** Temporal's SDK loads these files by their paths. */
const LOADED_BY_PATH = [
  'src/adapters/temporal/failure-converter.ts',
  'src/workflows/summaries.ts',
  'test/bench/chain-workflow.ts',
];

async function readFolders(...folders: readonly string[]): Promise<readonly FileExports[]> {
  const files = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(join(ROOT, folder), { recursive: true });
      return names
        .filter((name) => /\.(?:ts|mjs)$/.test(name))
        .map((name) => join(ROOT, folder, name));
    }),
  );
  return Promise.all(files.flat().map(readExports));
}

function describeAll(names: readonly ExportedName[]): readonly string[] {
  return names.map(({ file, name }) => `${relative(ROOT, file)}: ${name}`);
}

it('every export of domain, ports and the contracts of workflows has a doc comment', async () => {
  const contracts = CONTRACTS.map((file) => readExports(join(ROOT, file)));
  const files = [
    ...(await readFolders('src/domain', 'src/ports')),
    ...(await Promise.all(contracts)),
  ];
  const exported = files.flatMap((file) => file.exported);
  assert.ok(exported.length > 600, `only ${exported.length} exports were found`);
  assert.deepEqual(describeAll(exported.filter(({ isDocumented }) => !isDocumented)), []);
});

it('every exported function and constant is imported by another file', async () => {
  const files = await readFolders('src', 'test', 'tools');
  // Tests import scripts by computed paths, so exports of scripts cannot be checked.
  const scripts = await readFolders('scripts');
  const imported = scripts.map((script) => ({ ...script, exported: [] }));
  const unused = describeAll(unusedValues([...files, ...imported])).filter(
    (line) => !LOADED_BY_PATH.some((file) => line.startsWith(file)),
  );
  assert.deepEqual(unused, []);
});

describe('in planted files', () => {
  it('an export without a doc comment and one without an importer are found', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'tgr-exports-'));
    t.after(() => rm(directory, { recursive: true }));
    const [owner, importer] = [join(directory, 'owner.ts'), join(directory, 'importer.ts')];
    const used = '/** Documented. */\nexport const used = 1;\n';
    await writeFile(owner, `${used}export function unused(): void {}\nexport interface Shape {}\n`);
    await writeFile(importer, "import { used as renamed } from './owner.ts';\nrenamed;\n");
    const files = await Promise.all([owner, importer].map(readExports));
    assert.deepEqual(
      files[0]!.exported.map(({ name, isDocumented }) => [name, isDocumented]),
      [
        ['used', true],
        ['unused', false],
        ['Shape', false],
      ],
    );
    assert.deepEqual(
      unusedValues(files).map(({ name }) => name),
      ['unused'],
    );
  });
});
