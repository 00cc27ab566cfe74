import type { z } from 'zod';
import type { ContainerEngine, EngineInfo } from '../../ports/index.ts';
import { parseReply, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { infoSchema } from './replies.ts';

interface Known {
  readonly era: number;
  readonly info: Promise<EngineInfo>;
}

/**
 * Facts about the engine. Each call checks that the engine answers. The other facts are requested
 * once, and again after a possible restart, because they take Podman 0.4 s, and ten times that
 * under load.
 */
export function createInfo(parts: EngineParts): ContainerEngine['info'] {
  let known: Known | undefined;
  return async () => {
    const era = await parts.daemon.greet(parts.timing.callLimitMs);
    const current = known?.era === era ? known : { era, info: askInfo(parts) };
    known = current;
    try {
      return await current.info;
    } catch (error) {
      if (known === current) known = undefined;
      throw error;
    }
  };
}

async function askInfo({ daemon, timing }: EngineParts): Promise<EngineInfo> {
  const call: DaemonCall = {
    doing: 'ask Docker about itself',
    method: 'GET',
    path: '/info',
    patience: 'endless',
  };
  const { body } = await daemon.expect(call, { limitMs: timing.callLimitMs, accept: [200] });
  const info = parseReply(infoSchema, body, daemon.action(call));
  return {
    osType: info.OSType,
    architecture: info.Architecture,
    name: info.Name,
    sharesPipes: sharesPipes(info),
  };
}

/** Docker Desktop runs all containers in a virtual machine, as some runtimes do each of theirs. */
function sharesPipes({ OperatingSystem, DefaultRuntime }: z.infer<typeof infoSchema>): boolean {
  const runtime = DefaultRuntime ?? 'runc';
  return OperatingSystem !== 'Docker Desktop' && ['runc', 'crun', 'nvidia'].includes(runtime);
}
