import type { z } from 'zod';
import type { ContainerEngine, EngineInfo } from '../../ports/index.ts';
import { parseReply, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { infoSchema } from './replies.ts';

interface Known {
  readonly era: number;
  readonly info: Promise<EngineInfo>;
}

/** One container that does not notice its pipe may have been on a machine that was too busy. */
const MAX_UNSHARED = 2;

/**
 * Facts about the engine. Each call checks that the engine answers. The other facts are requested
 * once, and again after a possible restart, because they take Podman 0.4 s, and ten times that
 * under load.
 */
export function createInfo(parts: EngineParts): Pick<ContainerEngine, 'info' | 'reportPipe'> {
  let known: Known | undefined;
  let unshared = 0;
  return {
    info: async () => {
      const era = await parts.daemon.greet(parts.timing.callLimitMs);
      if (known !== undefined && known.era !== era) unshared = 0;
      const current = known?.era === era ? known : { era, info: askInfo(parts) };
      known = current;
      try {
        const info = await current.info;
        return unshared < MAX_UNSHARED ? info : { ...info, sharesPipes: false };
      } catch (error) {
        if (known === current) known = undefined;
        throw error;
      }
    },

    reportPipe: (isShared) => {
      unshared = isShared ? 0 : unshared + 1;
      if (unshared !== MAX_UNSHARED) return;
      parts.log.warn(
        'containers of this engine do not hear the named pipes of this node: from now on each stage starts its container anew, which takes longer',
        { docker: parts.daemon.address },
      );
    },
  };
}

async function askInfo({ daemon, timing }: EngineParts): Promise<EngineInfo> {
  const call: DaemonCall = {
    doing: 'ask Docker about itself',
    method: 'GET',
    path: '/info',
    patience: 'endless',
  };
  const { body, isPodman } = await daemon.expect(call, {
    limitMs: timing.callLimitMs,
    accept: [200],
  });
  const info = parseReply(infoSchema, body, daemon.action(call));
  return {
    osType: info.OSType,
    architecture: info.Architecture,
    name: info.Name,
    sharesPipes: sharesPipes(info),
    isPodman,
  };
}

/**
 * Whether containers share the node's pipes. Docker Desktop runs all containers in a virtual
 * machine, and some runtimes run each container in one.
 */
function sharesPipes({ OperatingSystem, DefaultRuntime }: z.infer<typeof infoSchema>): boolean {
  const runtime = DefaultRuntime ?? 'runc';
  return OperatingSystem !== 'Docker Desktop' && ['runc', 'crun', 'nvidia'].includes(runtime);
}
