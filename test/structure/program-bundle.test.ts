import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { CLI } from '../support/command.ts';
import { projectRoot } from '../support/project-root.ts';

const PROGRAM = dirname(CLI);
const SOURCES = join(projectRoot(), 'src');
const SOURCE_CLASS = /^(?:export )?class (\w+)/gm;
/** The package of an import in the bundle: `from "…"`, `import "…"`, `import("…")`, `require("…")`. */
const IMPORTED = /(?:^import |\bfrom |\bimport\(|\brequire\()"((?:@[^/"]+\/)?[^./"][^/"]*)/gm;
const BUNDLED_CLASS = /^var (\w+) = class\b/gm;

async function namesIn(files: readonly string[], name: RegExp): Promise<ReadonlySet<string>> {
  const code = files.filter((file) => /\.(ts|c?js)$/.test(file));
  const texts = await Promise.all(code.map((file) => readFile(file, 'utf8')));
  return new Set([...texts.join('\n').matchAll(name)].map(([, found]) => found ?? ''));
}

describe('the bundled program', () => {
  let files: readonly string[];
  before(async () => {
    files = (await readdir(PROGRAM)).map((name) => join(PROGRAM, name));
  });

  it('has no package inside: each stays in node_modules, with its own version and licence', async () => {
    const maps = files.filter((file) => file.endsWith('.map'));
    const sources = await Promise.all(
      maps.map(async (file) => {
        const map = JSON.parse(await readFile(file, 'utf8')) as { readonly sources: string[] };
        return map.sources.map((source) => resolve(dirname(file), source));
      }),
    );
    const named = new Set(sources.flat().map((source) => relative(SOURCES, source)));
    assert.ok(named.has('worker/node.ts') && named.has('domain/failure.ts'));
    named.delete('../dist/package.json'); // Our own, for the version.
    for (const source of named) assert.doesNotMatch(source, /^\.\.|node_modules/);
  });

  it('needs no package but the dependencies of package.json', async () => {
    const { dependencies } = JSON.parse(
      await readFile(join(projectRoot(), 'package.json'), 'utf8'),
    ) as { readonly dependencies: Readonly<Record<string, string>> };
    const imported = [...(await namesIn(files, IMPORTED))].filter((name) => !isBuiltin(name));
    assert.ok(imported.includes('@temporalio/worker') && imported.includes('jose'));
    assert.deepEqual(
      imported.filter((name) => !(name in dependencies)),
      [],
    );
  });

  it('calls each class as the source does, because logs and Temporal show names of errors', async () => {
    // Two modules with a class of the same name would need `keepNames` of esbuild.
    const sources = (await readdir(SOURCES, { recursive: true })).map((name) =>
      join(SOURCES, name),
    );
    const named = await namesIn(sources, SOURCE_CLASS);
    const bundled = await namesIn(files, BUNDLED_CLASS);
    assert.ok(bundled.has('FinalError') && bundled.has('GuardedFailureConverter'));
    for (const name of bundled) assert.ok(named.has(name), `no source has a class ${name}`);
  });

  it('has converters that the oldest Node can load by `require`, as the SDK does', async () => {
    for (const name of ['failure-converter', 'payload-converter']) {
      const load = `require(${JSON.stringify(join(PROGRAM, `${name}.cjs`))})`;
      const args = ['--no-experimental-require-module', '-p', `Object.keys(${load})`];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      assert.match(stdout, /'(failure|payload)Converter'/);
    }
  });
});
