import type { JobPolicy } from '../job/payload.ts';
import { formatRunnerLine } from '../trace/sections.ts';

/**
 * Returns the lines that tell which policy created a job, and whether the user's own variables
 * apply to it; '' when none did. Source: gitlab-runner `common/build.go` (printPolicyOptions).
 */
export function formatPolicy(policy: JobPolicy | undefined): string {
  if (policy === undefined || !policy.execution_policy_job) return '';
  return [`Job triggered by policy "${policy.policy_name}".`, describeVariables(policy)]
    .map((line) => formatRunnerLine('info', line))
    .join('');
}

function describeVariables({
  policy_variables_override_allowed: isAllowed,
  policy_variables_override_exceptions: exceptions,
}: JobPolicy): string {
  if (isAllowed === null) {
    return 'Variables defined in the policy take precedence over matching user-defined CI/CD variables for this job.';
  }
  const list = exceptions === null ? '' : ` (except for ${exceptions.join(', ')})`;
  const rule = isAllowed ? 'allowed' : 'ignored';
  return `User-defined CI/CD variables are ${rule} in this job${list} according to the policy.`;
}
