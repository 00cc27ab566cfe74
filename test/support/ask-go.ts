import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from './project-root.ts';

/**
 * Returns the answers of a Go program of tools/, one for each line, or the reason why Go is missing
 * here.
 */
export function askGo(
  tool: string,
  questions: readonly unknown[],
): { readonly answers: readonly string[] } | { readonly absent: string } {
  const { error, status, stdout, stderr } = spawnSync('go', ['run', '.'], {
    cwd: join(projectRoot(), 'tools', tool),
    input: questions.map((question) => JSON.stringify(question)).join('\n'),
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: 120_000,
  });
  if (error !== undefined) return { absent: `Go cannot be run here: ${error.message}` };
  if (status !== 0) return { absent: `Go cannot run tools/${tool} here: ${stderr.trim()}` };
  return { answers: stdout.trim().split('\n') };
}
