import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ts from 'typescript';

/** The imports of each file, by paths, for values and for types. */
export type Imports = ReadonlyMap<string, readonly string[]>;

/**
 * Reads the imports of all files below a directory of sources, or of compiled files, which import
 * only values. Paths are absolute.
 */
export async function readImports(directory: string, extension = '.ts'): Promise<Imports> {
  const names = await readdir(directory, { recursive: true });
  const files = names
    .filter((name) => name.endsWith(extension))
    .map((name) => join(directory, name));
  return new Map(
    await Promise.all(files.map(async (file) => [file, await importsOf(file)] as const)),
  );
}

/** Reads the imports of one file, also those by `import()`. */
export async function importsOf(file: string): Promise<readonly string[]> {
  const { importedFiles } = ts.preProcessFile(await readFile(file, 'utf8'));
  return importedFiles
    .map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.'))
    .map((name) => join(file, '..', name));
}

/** Finds one circle, which ends with its first member; undefined when there is none. */
export function findCircle(imports: Imports): readonly string[] | undefined {
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return undefined;
    for (const next of imports.get(node) ?? []) {
      const circle = visit(next, [...path, node]);
      if (circle !== undefined) return circle;
    }
    done.add(node);
    return undefined;
  };
  for (const node of imports.keys()) {
    const circle = visit(node, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/**
 * Groups the graph by the names that `nameOf` gives the files: files with one name become one node.
 */
export function groupImports(imports: Imports, nameOf: (file: string) => string): Imports {
  const groups = new Map<string, Set<string>>();
  for (const [file, targets] of imports) {
    const name = nameOf(file);
    const group = groups.get(name) ?? new Set();
    groups.set(name, group);
    for (const target of targets) if (nameOf(target) !== name) group.add(nameOf(target));
  }
  return new Map([...groups].map(([name, targets]) => [name, [...targets]]));
}
