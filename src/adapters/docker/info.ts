import type { z } from 'zod';
import type { ContainerEngine, EngineInfo } from '../../ports/index.ts';
import { parseReply, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { infoSchema } from './replies.ts';

interface Known {
  readonly era: number;
  readonly info: Promise<EngineInfo>;
}

/** One container that does not notice the bell may have been on a machine that was too busy. */
const UNHEARD_BELLS = 2;

/**
 * Facts about the engine. Each call checks that the engine answers. The other facts are requested
 * once, and again after a possible restart, because they take Podman 0.4 s, and ten times that
 * under load.
 */
export function createInfo(parts: EngineParts): Pick<ContainerEngine, 'info' | 'noteBell'> {
  let known: Known | undefined;
  let unheard = 0;
  return {
    info: async () => {
      const era = await parts.daemon.greet(parts.timing.callLimitMs);
      if (known !== undefined && known.era !== era) unheard = 0;
      const current = known?.era === era ? known : { era, info: askInfo(parts) };
      known = current;
      try {
        const info = await current.info;
        return unheard < UNHEARD_BELLS ? info : { ...info, sharesPipes: false };
      } catch (error) {
        if (known === current) known = undefined;
        throw error;
      }
    },

    noteBell: (isHeard) => {
      unheard = isHeard ? 0 : unheard + 1;
      if (unheard !== UNHEARD_BELLS) return;
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
