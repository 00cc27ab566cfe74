import { readFileSync } from 'node:fs';

/** `npm run build` writes this file beside the compiled sources. */
const REVISION_FILE = new URL('../../../revision.json', import.meta.url);

/**
 * Reads the shortened commit that was compiled. As in gitlab-runner, it is `HEAD` when the commit
 * is not known.
 */
export function readRevision(file: URL = REVISION_FILE): string {
  try {
    const revision: unknown = JSON.parse(readFileSync(file, 'utf8'));
    // It becomes part of a header, so nothing else is accepted.
    if (typeof revision === 'string' && /^[0-9a-f]{4,64}$/.test(revision)) return revision;
  } catch {
    // The program was built without git, or was not built at all.
  }
  return 'HEAD';
}
