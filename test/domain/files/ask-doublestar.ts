import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../support/project-root.ts';

/** What doublestar itself says of each pair, or why it cannot be asked here. */
export function askDoublestar(
  pairs: readonly (readonly [pattern: string, path: string])[],
): { readonly verdicts: readonly string[] } | { readonly absent: string } {
  const { error, status, stdout, stderr } = spawnSync('go', ['run', '.'], {
    cwd: join(projectRoot(), 'tools/doublestar'),
    input: pairs.map((pair) => JSON.stringify(pair)).join('\n'),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: 120_000,
  });
  if (error !== undefined) return { absent: `Go cannot be run here: ${error.message}` };
  if (status !== 0) return { absent: `Go cannot run tools/doublestar here: ${stderr.trim()}` };
  return { verdicts: stdout.trim().split('\n') };
}
