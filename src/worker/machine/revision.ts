import { readFileSync } from 'node:fs';

/** What `npm run build` leaves beside the compiled sources. */
const REVISION_FILE = new URL('../../../revision.json', import.meta.url);

/** The commit that was compiled, shortened; as in gitlab-runner `HEAD` when that is not known. */
export function readRevision(file: URL = REVISION_FILE): string {
  try {
    const revision: unknown = JSON.parse(readFileSync(file, 'utf8'));
    // It goes into a header.
    if (typeof revision === 'string' && /^[0-9a-f]{4,64}$/.test(revision)) return revision;
  } catch {
    // Built without git, or not built at all.
  }
  return 'HEAD';
}
