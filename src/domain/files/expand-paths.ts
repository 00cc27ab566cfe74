import { parseAssignments } from '../assignments.ts';
import { expandShell } from '../variables/shell-expand.ts';
import type { Variables } from '../variables/variables.ts';
import type { SelectionLine } from './selection.ts';

/** Expanded paths, and warnings about those that could not be expanded. */
export interface ExpandedPaths {
  readonly paths: readonly string[];
  readonly lines: readonly SelectionLine[];
}

/** Looks up variables like gitlab-runner's helper: in the environment of the job. */
export type ShellLookup = (name: string) => string;

/**
 * Looks up the job's variables as a shell in the project directory sees them. File variables give
 * their path; unset variables give ''. One lookup serves many texts.
 */
export function shellLookup(variables: Pick<Variables, 'environment' | 'projectDir'>): ShellLookup {
  const values = new Map(parseAssignments(variables.environment()));
  return (name) => values.get(name) ?? (name === 'PWD' ? variables.projectDir : '');
}

/**
 * Expands paths and excludes of artifacts and caches as a shell would. Source: gitlab-runner
 * `commands/helpers/artifacts_uploader.go`, `cache_archiver.go` (normalizeArgs).
 */
export function expandPaths(texts: readonly string[], lookup: ShellLookup): ExpandedPaths {
  const expanded = texts.map((written) => ({ written, ...expandShell(written, lookup) }));
  return {
    paths: expanded.map(({ text }) => text),
    lines: expanded.flatMap(({ written, fault }) =>
      fault === undefined
        ? []
        : [
            {
              level: 'warning',
              text: `invalid path ${JSON.stringify(written)}: ${fault}`,
            } as const,
          ],
    ),
  };
}
