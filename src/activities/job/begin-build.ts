import { TransientError } from '../../domain/failure.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import { endPreparation, stopPreparation, takeEagerBegin } from '../build/eager-begin.ts';
import { withHeartbeat } from '../build/heartbeat.ts';
import type { LiveBuild, LiveBuilds } from '../build/live-builds.ts';
import type { Beginning, BuildActivities } from '../contract.ts';
import { prepareJoined, type PreparePorts } from '../environment/environment.ts';
import type { SendPorts } from '../trace/trace.ts';
import { acknowledgeOnce, printHeader } from './coordinator.ts';

export type BeginPorts = SendPorts & PreparePorts;

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
        return takeEagerBegin(build) ?? begin(build, ports);
      }),
  };
}

/**
 * Acknowledges the job and prepares its environment at the same time, because GitLab takes a moment
 * to answer. Stops the preparation when GitLab refuses. When GitLab does not answer, the
 * preparation continues, and a later call takes it over. Both steps join a call in progress.
 */
async function begin(build: LiveBuild, ports: BeginPorts): Promise<Beginning> {
  ports.metrics.stageBegan(build.context, { stage: '', executorStage: 'created' });
  await printHeader(build);
  const preparing = prepareJoined(build, ports);
  // A failed preparation only matters when GitLab wants the job, and is then thrown below.
  preparing.catch(() => undefined);
  let answer: Beginning | undefined;
  try {
    answer = await askForAnswer(build, ports);
  } finally {
    if (answer === undefined) await stopPreparation(build);
    else if (!goesOn(answer)) await endPreparation(build);
  }
  if (answer === 'accepted') await preparing;
  return answer;
}

/** Whether GitLab still wants the job, as far as the node knows. */
function goesOn(answer: Beginning): boolean {
  return answer === 'accepted' || answer === 'unanswered';
}

interface EagerScope {
  readonly ports: BeginPorts;
  readonly live: LiveBuilds;
}

/**
 * Begins a build that this node has just recorded, while Temporal still starts its workflow. The
 * workflow's first call takes over what was begun. Never rejects: that call tells what has failed.
 */
export async function beginEagerly(buildId: string, { ports, live }: EagerScope): Promise<void> {
  const build = await live.open(buildId).catch(() => undefined);
  if (build === undefined || build.acknowledged.signal.aborted) return;
  const eagerBegin = begin(build, ports);
  build.eagerBegin = eagerBegin;
  const forget = (): void => {
    if (build.eagerBegin === eagerBegin) build.eagerBegin = undefined;
  };
  try {
    if ((await eagerBegin) === 'unanswered') forget();
  } catch (error) {
    ports.log.debug('build not begun before its workflow', { ...jobFields(build.context), error });
    // The workflow's call then begins anew, because the fault may be over.
    if (error instanceof TransientError) forget();
  }
}

async function askForAnswer(build: LiveBuild, ports: BeginPorts): Promise<Beginning> {
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
