import { planEnvironment, type EnvironmentPlan } from '../../../src/domain/executor/environment.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import type { DockerConfig } from '../../../src/domain/runner/config.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';

/** Long enough to be distinguishable; nothing here reads them. */
const digests = { md5Hex: () => 'm'.repeat(32), sha256Hex: () => 's'.repeat(64) };

function filesOf(place: string) {
  return {
    ...{ script: `/${place}/script`, output: `/${place}/output`, state: `/${place}/state` },
    ...{ turn: `/${place}/turn`, bell: `/${place}/bell` },
  };
}

export function planOf(
  changes: ContextChanges = {},
  docker: Partial<DockerConfig> = {},
): EnvironmentPlan {
  const plain = contextOf(changes);
  const runner = { ...plain.runner, docker: { ...plain.runner.docker, ...docker } };
  const context = { ...plain, runner };
  const variables = buildVariables(context, { jobStatus: 'running' });
  const files = { build: filesOf('build'), helper: filesOf('helper') };
  return planEnvironment({ context, variables, digests, files });
}

export function withVariables(
  variables: Readonly<Record<string, string>>,
  job = {},
): ContextChanges {
  const list = Object.entries(variables).map(([key, value]) => ({ key, value }));
  return { job: { ...job, variables: list } };
}
