import { numericOwner } from '../../domain/executor/file-owner.ts';
import { readContent } from '../../domain/files/read-content.ts';
import { hasUmask } from '../../domain/script/stage-command.ts';
import type { Variables } from '../../domain/variables/variables.ts';
import { planFor, type PlanPorts } from './containers.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { ContainerEngine, Ports } from '../../ports/index.ts';

/** Longer account files do not occur in real images. */
const MAX_ACCOUNT_BYTES = 1024 * 1024;

type OwnerPorts = PlanPorts & Pick<Ports, 'engine'>;

/**
 * Returns the owner of sources, caches and artifacts, as `uid:gid`. With
 * FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR it is the user of the job's container, unless that is root.
 * Returns undefined when the files need no particular owner.
 */
export async function findOwner(
  build: LiveBuild,
  { variables, ports }: { readonly variables: Variables; readonly ports: OwnerPorts },
): Promise<string | undefined> {
  if (!hasUmask(variables)) return undefined;
  const engine = ports.engine(build.context.runner);
  const plan = planFor(build, ports);
  const reference = plan.images.build.reference ?? '';
  const { user } = plan.container('build', reference);
  const wanted = user || (await engine.inspectImage(reference))?.user || '';
  const container = plan.containerNames.build;
  const [passwd, group] = await Promise.all([
    readText(engine, container, '/etc/passwd'),
    readText(engine, container, '/etc/group'),
  ]);
  return numericOwner(wanted, { passwd, group });
}

async function readText(engine: ContainerEngine, container: string, path: string): Promise<string> {
  const { signal } = new AbortController();
  for await (const member of (await engine.readFiles(container, path, { signal })) ?? []) {
    if (member.sizeBytes > MAX_ACCOUNT_BYTES) return '';
    return new TextDecoder().decode(await readContent(member));
  }
  return '';
}
