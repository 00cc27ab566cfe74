import { parseAssignments } from '../assignments.ts';
import type { BuildContext } from '../context/context.ts';
import type { JobStatus } from '../job/job-status.ts';
import { buildVariables, type Variables } from './variables.ts';

/**
 * Parses what the scripts of a job wrote to the GITLAB_ENV file: `KEY=value`, one for each name,
 * the last line of a name counts. As when the scripts read the file, blanks around a line are
 * removed and malformed lines are skipped.
 */
export function parseExports(bytes: Uint8Array): readonly string[] {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const lines = new Map<string, string>();
  for (const raw of text.split('\n')) {
    const line = raw.replace(/^[ \t]+/, '').replace(/(?<![ \t])[ \t]+$/, '');
    const name = /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(line)?.[1];
    if (name !== undefined && !line.includes('\0')) lines.set(name, line);
  }
  return [...lines.values()];
}

/**
 * Returns the variables for names and paths in the stages after the scripts. gitlab-runner's
 * helper, which has read the GITLAB_ENV file, expands these. Keys and policies of caches are
 * expanded without that file, as by gitlab-runner itself. Source: gitlab-runner
 * `shells/abstract.go` (writeExports, newCacheConfig).
 */
export function finishVariables(
  context: BuildContext,
  options: { readonly jobStatus: JobStatus },
): Variables {
  const variables = buildVariables(context, options);
  const { exports = [] } = context;
  return exports.length === 0 ? variables : withExports(variables, exports);
}

function withExports(variables: Variables, exports: readonly string[]): Variables {
  const own = new Map(parseAssignments(exports));
  const all = new Map([...parseAssignments(variables.environment()), ...own]);
  const lines = [...all].map(([name, value]) => `${name}=${value}`);
  return {
    ...variables,
    get: (key) => own.get(key) ?? variables.get(key),
    environment: () => lines,
  };
}
