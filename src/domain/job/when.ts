/** How the scripts of a build ended. */
export type ScriptsEnd = 'success' | 'failure';

/**
 * Whether an entry with this `when` applies after the scripts ended in this way. Source:
 * gitlab-runner `common/spec` (ArtifactWhen, CacheWhen).
 */
export function appliesAfter({ when }: { readonly when: string }, end: ScriptsEnd): boolean {
  if (when === 'always') return true;
  return end === 'success' ? when === '' || when === 'on_success' : when === 'on_failure';
}
