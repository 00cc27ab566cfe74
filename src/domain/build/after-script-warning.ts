import type { StageOutcome } from '../context/outcome.ts';

/**
 * Returns the warning that the trace shows when after_script failed, which does not fail the job.
 * Returns undefined when it succeeded, or was stopped: the stop has its own line. Source:
 * gitlab-runner `common/build.go` (executeUserScripts).
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
