import type { StageOutcome } from '../context/outcome.ts';

/**
 * What the trace says of an after_script whose failure does not count; undefined when it was well, or
 * was stopped, which has been told. Source: gitlab-runner `common/build.go` (executeUserScripts).
 */
export function afterScriptWarning(outcome: StageOutcome): string | undefined {
  const reason = reasonOf(outcome);
  return reason && `after_script failed, but job will continue unaffected: ${reason}`;
}

function reasonOf(outcome: StageOutcome): string | undefined {
  switch (outcome.kind) {
    case 'script_failed':
      return `exit code ${outcome.exitCode}`;
    case 'system_failed':
      return outcome.message;
    case 'succeeded':
    case 'stopped':
      return undefined;
  }
}
