import { TransientError } from '../../domain/failure.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import type { Ports } from '../../ports/index.ts';
import { withHeartbeat } from '../build/heartbeat.ts';
import type { LiveBuild, LiveBuilds } from '../build/live-builds.ts';
import type { Acknowledgement, BuildActivities } from '../contract.ts';
import { prepareJoined, type PreparePorts } from '../environment/environment.ts';
import type { SendPorts } from '../trace/trace.ts';
import { acknowledgeOnce } from './coordinator.ts';

type BeginPorts = SendPorts & PreparePorts & Pick<Ports, 'metrics'>;

/**
 * Creates the activity that does two steps of a build in one call, because each call takes tens of
 * milliseconds.
 */
export function createBeginActivities(
  ports: BeginPorts,
  live: LiveBuilds,
): Pick<BuildActivities, 'beginBuild'> {
  return {
    beginBuild: ({ buildId }) =>
      withHeartbeat(async () => {
        const build = await live.open(buildId);
        ports.metrics.stageBegan(build.context, { stage: '', executorStage: 'created' });
        const answer = await askForAnswer(build, ports);
        if (answer === 'accepted') await prepareJoined(build, ports);
        return answer;
      }),
  };
}

async function askForAnswer(
  build: LiveBuild,
  ports: BeginPorts,
): Promise<Acknowledgement | 'unanswered'> {
  try {
    return await acknowledgeOnce(build, ports);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    ports.log.warn('GitLab not told that the job runs, tried again', {
      ...jobFields(build.context),
      reason: error.message,
    });
    return 'unanswered';
  }
}
