import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { projectRoot } from './project-root.ts';

// The scripts have no types, because they run before anything is compiled.
const { bundleProgram } = (await import(
  pathToFileURL(join(projectRoot(), 'scripts/lib/bundle-program.mjs')).href
)) as { bundleProgram: (dist: string) => Promise<void> };

const DIST = fileURLToPath(new URL('../..', import.meta.url));
const PARTS = ['src', 'package.json', 'revision.json'];

/**
 * A change of one compiled source. The text to replace must exist; an empty text means the start of
 * the file.
 */
export interface Edit {
  /** The path below `src`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Makes another build of the program, with changed workflows. Returns the path of its CLI. */
export async function makeOtherBuild(directory: string, edits: readonly Edit[]): Promise<string> {
  const dist = join(directory, 'dist');
  await mkdir(dist, { recursive: true });
  for (const part of PARTS) await cp(join(DIST, part), join(dist, part), { recursive: true });
  const modules = createRequire(import.meta.url).resolve('@temporalio/worker/package.json');
  await symlink(join(modules, '../../..'), join(directory, 'node_modules'));
  for (const edit of edits) await apply(edit, join(dist, 'src'));
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(dist, 'src/workflows/index.js'),
    failureConverterPath: join(dist, 'src/adapters/temporal/failure-converter.js'),
    logger: new DefaultLogger('WARN'),
  });
  await writeFile(join(dist, 'workflow-bundle.js'), code);
  await bundleProgram(dist);
  return join(dist, 'program/cli.js');
}

async function apply({ file, find, replace }: Edit, sources: string): Promise<void> {
  const path = join(sources, file);
  const text = await readFile(path, 'utf8');
  if (!text.includes(find)) throw new Error(`${file} does not say ${JSON.stringify(find)}`);
  await writeFile(
    path,
    text.replace(find, () => replace),
  );
}
