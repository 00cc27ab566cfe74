import { execFile } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from './project-root.ts';

const execute = promisify(execFile);

/**
 * Unpacks what `npm pack` makes of the existing build into this directory, with this machine's
 * packages beside it. Returns the directory of the program.
 */
export async function unpackProgram(directory: string): Promise<string> {
  // The scripts of package.json would build once more.
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory];
  const { stdout } = await execute('npm', pack, { cwd: projectRoot() });
  await execute('tar', ['-xzf', stdout.trim()], { cwd: directory });
  await symlink(join(projectRoot(), 'node_modules'), join(directory, 'node_modules'));
  return join(directory, 'package');
}
