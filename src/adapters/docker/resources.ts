import type { ContainerEngine } from '../../ports/index.ts';
import type { NetworkSpec } from '../../domain/executor/specs.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { encodePath, type DaemonCall } from './daemon.ts';
import { createInfo } from './info.ts';
import type { EngineParts } from './engine-parts.ts';
import { createFault, networkFault, refusalFault } from './faults.ts';
import { inspect } from './inspect.ts';
import {
  BUILD_LABEL,
  INSTALLATION_LABEL,
  isOfSameBuild,
  withInstallation,
  type WantedLabels,
} from './labels.ts';
import { listContainers, listNetworks, listVolumes } from './lists.ts';
import { networkSchema } from './replies.ts';

type Resources = Pick<
  ContainerEngine,
  | 'info'
  | 'reportPipe'
  | 'createNetwork'
  | 'removeNetwork'
  | 'ensureVolume'
  | 'removeVolume'
  | 'listByLabels'
  | 'listBuildIds'
>;

/** Creates the part of the engine for networks and volumes. */
export function createResources(parts: EngineParts): Resources {
  return {
    ...createInfo(parts),
    createNetwork: (spec) => createNetwork(parts, spec),
    removeNetwork: (name) => removeNetwork(parts, name),
    ensureVolume: async ({ name, labels, driver, driverOptions }) => {
      const { daemon, timing, installation } = parts;
      const call: DaemonCall = {
        doing: `create volume "${name}"`,
        method: 'POST',
        path: '/volumes/create',
        // If the volume exists already, Docker answers with it.
        body: {
          Name: name,
          Labels: withInstallation(labels, installation),
          ...(driver !== undefined && { Driver: driver }),
          DriverOpts: { ...driverOptions },
        },
      };
      const reply = await daemon.send(call, { limitMs: timing.slowCallLimitMs });
      if ([200, 201].includes(reply.status)) return;
      throw createFault(reply, daemon.action(call, FailureType.RunnerConfiguration));
    },
    removeVolume: async (name) => {
      const { daemon, timing } = parts;
      const call: DaemonCall = {
        doing: `remove volume "${name}"`,
        method: 'DELETE',
        path: `/volumes/${encodePath(name)}`,
      };
      await daemon.expect(call, { limitMs: timing.slowCallLimitMs, accept: [204, 404] });
    },
    listByLabels: (labels) => listByLabels(parts, labels),
    listBuildIds: () => listBuildIds(parts),
  };
}

async function createNetwork(parts: EngineParts, spec: NetworkSpec): Promise<void> {
  const { daemon, timing, installation } = parts;
  const call: DaemonCall = {
    doing: `create network "${spec.name}"`,
    method: 'POST',
    path: '/networks/create',
    // Without CheckDuplicate, daemons before 25 make a second network of the same name.
    body: {
      Name: spec.name,
      CheckDuplicate: true,
      Driver: 'bridge',
      Labels: withInstallation(spec.labels, installation),
      EnableIPv6: spec.enableIpv6 ?? false,
      ...(spec.mtu !== undefined && {
        Options: { 'com.docker.network.driver.mtu': `${spec.mtu}` },
      }),
    },
  };
  const reply = await daemon.send(call, { limitMs: timing.callLimitMs });
  if (reply.status === 201) return;
  if (reply.status !== 409) throw networkFault(reply, daemon.action(call));
  const existing = await inspectNetwork(parts, spec.name);
  if (existing !== undefined && isOfSameBuild(existing.Labels ?? {}, spec.labels, installation)) {
    return;
  }
  if (existing === undefined) throw refusalFault(reply, daemon.action(call));
  throw new FinalError(
    FailureType.RunnerSystem,
    `cannot ${call.doing}: a network of this name exists that is not of this build; remove it`,
  );
}

function inspectNetwork(
  parts: EngineParts,
  name: string,
): Promise<ReturnType<typeof networkSchema.parse> | undefined> {
  const path = `/networks/${encodePath(name)}`;
  const call = { doing: `inspect network "${name}"`, path, patience: 'long' } as const;
  return inspect(parts, call, { schema: networkSchema });
}

/**
 * Removes a network. Docker refuses that while something is attached to it, such as a container
 * that the job made.
 */
async function removeNetwork(parts: EngineParts, name: string): Promise<void> {
  const { daemon, timing } = parts;
  const network = await inspectNetwork(parts, name);
  if (network === undefined) return;
  const path = `/networks/${encodePath(name)}`;
  const limitMs = timing.callLimitMs;
  for (const container of Object.keys(network.Containers ?? {})) {
    const call: DaemonCall = {
      doing: `disconnect container ${container} from network "${name}"`,
      method: 'POST',
      path: `${path}/disconnect`,
      body: { Container: container, Force: true },
      patience: 'long',
    };
    await daemon.expect(call, { limitMs, accept: [200, 404] });
  }
  const call: DaemonCall = { doing: `remove network "${name}"`, method: 'DELETE', path };
  await daemon.expect(call, { limitMs, accept: [204, 404] });
}

async function listByLabels(
  parts: EngineParts,
  labels: Readonly<Record<string, string>>,
): ReturnType<ContainerEngine['listByLabels']> {
  const { containers, volumes, networks } = await list(parts, labels);
  return {
    containers: containers.map(({ Id }) => Id),
    volumes: volumes.map(({ Name }) => Name),
    networks: networks.map(({ Id }) => Id),
  };
}

async function listBuildIds(parts: EngineParts): Promise<readonly string[]> {
  const { containers, volumes, networks } = await list(parts, { [BUILD_LABEL]: undefined });
  const all = [...containers, ...volumes, ...networks];
  return [...new Set(all.flatMap(({ Labels }) => Labels?.[BUILD_LABEL] ?? []))];
}

/** Lists objects of this installation only, because another one may share the daemon. */
async function list(parts: EngineParts, labels: WantedLabels) {
  const wanted = { ...labels, [INSTALLATION_LABEL]: parts.installation };
  const [containers, volumes, networks] = await Promise.all([
    listContainers(parts, wanted),
    listVolumes(parts, wanted),
    listNetworks(parts, wanted),
  ]);
  return { containers, volumes, networks };
}
