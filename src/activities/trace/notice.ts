import { formatRunnerLine } from '../../domain/trace/sections.ts';
import type { Ports } from '../../ports/index.ts';
import { withHeartbeat } from '../build/heartbeat.ts';
import type { LiveBuilds } from '../build/live-builds.ts';
import type { BuildActivities } from '../contract.ts';
import { FINISHED_NOTE } from './trace.ts';

export function createNoticeActivities(
  ports: Pick<Ports, 'builds'>,
  live: LiveBuilds,
): Pick<BuildActivities, 'writeNotice'> {
  return {
    writeNotice: ({ buildId }, { key, text }) =>
      withHeartbeat(async () => {
        const build = await live.find(buildId);
        // A finished trace must not grow, because GitLab was told its checksum.
        if (build === undefined || (await FINISHED_NOTE.isSet(buildId, ports))) return;
        await build.trace.appendOnce(`notice/${key}`, formatRunnerLine('info', text));
      }),
  };
}
