import type { CacheVolumeEngine } from '../../ports/cache-volumes.ts';
import { CACHE_VOLUME_LABELS } from '../../domain/executor/volumes.ts';
import { encodePath, parseReply, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { BUILD_LABEL, INSTALLATION_LABEL } from './labels.ts';
import { listDanglingVolumes, listVolumes, type ListedVolume } from './lists.ts';
import { usageSchema } from './replies.ts';

/** Creates the part of the engine for volumes that outlive builds. */
export function createCacheVolumes(parts: EngineParts): CacheVolumeEngine {
  const { daemon, timing } = parts;
  return {
    listCacheVolumes: async () => {
      const names = await listNames(parts);
      const idle = await listDanglingVolumes(parts);
      return names.map((name) => ({ name, isMounted: !idle.has(name) }));
    },
    measureVolumes: async () => {
      const call: DaemonCall = {
        doing: 'measure volumes',
        method: 'GET',
        path: '/system/df',
        query: { type: 'volume' },
      };
      const options = { limitMs: timing.slowCallLimitMs, accept: [200] };
      const { body } = await daemon.expect(call, options);
      const { Volumes } = parseReply(usageSchema, body, daemon.action(call));
      return new Map(
        (Volumes ?? []).flatMap(({ Name, UsageData }) =>
          // Docker reports -1 when it does not know the size.
          UsageData && UsageData.Size >= 0 ? [[Name, UsageData.Size] as const] : [],
        ),
      );
    },
    removeIdleVolume: async (name) => {
      const call: DaemonCall = {
        doing: `remove cache volume "${name}"`,
        method: 'DELETE',
        path: `/volumes/${encodePath(name)}`,
      };
      const options = { limitMs: timing.slowCallLimitMs, accept: [204, 404, 409] };
      return (await daemon.expect(call, options)).status !== 409;
    },
  };
}

async function listNames(parts: EngineParts): Promise<readonly string[]> {
  const labels = { ...CACHE_VOLUME_LABELS, [INSTALLATION_LABEL]: parts.installation };
  return (await listVolumes(parts, labels)).filter(isKeptOnNode).map(({ Name }) => Name);
}

function isKeptOnNode({ Labels, Driver, Options }: ListedVolume): boolean {
  const isOfBuild = Labels?.[BUILD_LABEL] !== undefined;
  return !isOfBuild && Driver === 'local' && Object.keys(Options ?? {}).length === 0;
}
