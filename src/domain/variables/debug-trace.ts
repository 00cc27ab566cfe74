import type { BuildContext } from '../context/context.ts';
import { buildVariables } from './variables.ts';

/**
 * Whether the job asks for a trace that may show secrets (CI_DEBUG_TRACE, CI_DEBUG_SERVICES), so
 * that GitLab restricts who reads it. The runner's configuration can forbid it. Source:
 * gitlab-runner `common/build.go` (IsDebugModeEnabled), `common/build_settings.go`.
 */
export function isDebugTrace(context: BuildContext): boolean {
  if (context.runner.debugTraceDisabled) return false;
  const variables = buildVariables(context, { jobStatus: 'running' });
  return variables.flag('CI_DEBUG_TRACE', false) || variables.flag('CI_DEBUG_SERVICES', false);
}
