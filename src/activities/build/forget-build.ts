import type { Ports } from '../../ports/index.ts';
import type { LiveBuilds } from './live-builds.ts';

interface ForgetScope {
  readonly ports: Pick<Ports, 'builds' | 'capacity' | 'metrics'>;
  readonly live: Pick<LiveBuilds, 'close'>;
}

/** Removes a build that is over here from this node, and gives its slot back. */
export async function forgetBuild(buildId: string, { ports, live }: ForgetScope): Promise<void> {
  await live.close(buildId);
  await ports.builds.remove(buildId);
  ports.capacity.free(buildId);
  ports.metrics.jobReleased(buildId);
}
