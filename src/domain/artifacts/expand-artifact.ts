import { expandPaths, shellLookup } from '../files/expand-paths.ts';
import type { SelectionLine } from '../files/selection.ts';
import type { JobArtifact } from '../job/payload.ts';
import { expandShell } from '../variables/shell-expand.ts';
import type { Variables } from '../variables/variables.ts';

/** An artifacts entry with its variables expanded as a shell would expand them. */
export interface ExpandedArtifact {
  readonly name: string;
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  /** Warnings about texts that could not be expanded. Those texts stay as they are. */
  readonly lines: readonly SelectionLine[];
}

/**
 * Expands the parts of an artifacts entry that GitLab leaves to the runner. Source: gitlab-runner
 * `commands/helpers/artifacts_uploader.go` (normalizeArgs).
 */
export function expandArtifact(
  artifact: Pick<JobArtifact, 'name' | 'paths' | 'exclude'>,
  variables: Pick<Variables, 'environment' | 'projectDir'>,
): ExpandedArtifact {
  const lookup = shellLookup(variables);
  const name = expandShell(artifact.name, lookup);
  const paths = expandPaths(artifact.paths, lookup);
  const exclude = expandPaths(artifact.exclude, lookup);
  return {
    name: name.text,
    paths: paths.paths,
    exclude: exclude.paths,
    lines: [
      ...(name.fault === undefined
        ? []
        : [{ level: 'warning', text: `invalid artifact name: ${name.fault}` } as const]),
      ...paths.lines,
      ...exclude.lines,
    ],
  };
}
