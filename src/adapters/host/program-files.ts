import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Returns the path of a file of the built program, by its name below `dist`. The program itself
 * runs from bundles in `dist/program`, and tests run single files from `dist/src`. So the depth of
 * this file varies, and `dist` is found by its package.json.
 */
export function programFile(name: string): string {
  return join(programDirectory(), name);
}

function programDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const above = dirname(directory);
    if (above === directory) throw new Error('the program has no package.json: install it anew');
    directory = above;
  }
  return directory;
}
