import { planEnvironment, type EnvironmentPlan } from '../../../src/domain/executor/environment.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import type { DockerConfig } from '../../../src/domain/runner/config.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';

/** Digests that can be distinguished. These tests do not verify them. */
const digests = { md5Hex: () => 'm'.repeat(32), sha256Hex: () => 's'.repeat(64) };

export function planOf(
  changes: ContextChanges = {},
  docker: Partial<DockerConfig> = {},
): EnvironmentPlan {
  const plain = contextOf(changes);
  const runner = { ...plain.runner, docker: { ...plain.runner.docker, ...docker } };
  const context = { ...plain, runner };
  const variables = buildVariables(context, { jobStatus: 'running' });
  return planEnvironment({ context, variables, digests });
}
