import { readFileSync } from 'node:fs';
import { programFile } from '../../adapters/host/program-files.ts';

/**
 * Reads the shortened commit that was compiled, which `npm run build` has written. As in
 * gitlab-runner, it is `HEAD` when the commit is not known.
 */
export function readRevision(file = programFile('revision.json')): string {
  try {
    const revision: unknown = JSON.parse(readFileSync(file, 'utf8'));
    // It becomes part of a header, so nothing else is accepted.
    if (typeof revision === 'string' && /^[0-9a-f]{4,64}$/.test(revision)) return revision;
  } catch {
    // The program was built without git, or was not built at all.
  }
  return 'HEAD';
}
