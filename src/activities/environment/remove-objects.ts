import { BUILD_LABEL } from '../../domain/executor/labels.ts';
import type { ContainerEngine } from '../../ports/index.ts';

type RemovalOptions = Parameters<ContainerEngine['removeContainer']>[1];

/**
 * Removes everything with the build's label and returns the faults: what cannot be removed keeps
 * nothing else. Containers come first, because they use volumes and the network.
 */
export async function removeObjects(
  engine: ContainerEngine,
  buildId: string,
  options?: RemovalOptions,
): Promise<readonly unknown[]> {
  const listed = await settle([engine.listByLabels({ [BUILD_LABEL]: buildId })]);
  const [left] = listed.values;
  if (left === undefined) return listed.failures;
  const containers = await settle(left.containers.map((id) => engine.removeContainer(id, options)));
  const others = await settle([
    ...left.volumes.map((name) => engine.removeVolume(name)),
    ...left.networks.map((name) => engine.removeNetwork(name)),
  ]);
  return [...containers.failures, ...others.failures];
}

async function settle<T>(
  work: readonly Promise<T>[],
): Promise<{ readonly values: readonly T[]; readonly failures: readonly unknown[] }> {
  const results = await Promise.allSettled(work);
  return {
    values: results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])),
    failures: results.flatMap((result): readonly unknown[] =>
      result.status === 'rejected' ? [result.reason] : [],
    ),
  };
}
