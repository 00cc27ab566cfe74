import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { END_OF_BUILD } from '../domain/build/end-text.ts';
import { clearValue } from '../domain/clear-text.ts';
import { isEndOfBuild } from './build/end-mark.ts';

/** What the Temporal UI says of an activity that has no text of its own. */
const ACTIVITY_TEXTS: Readonly<Record<string, string>> = {
  loadConfig: 'read config.toml',
  requestJob: 'ask GitLab for a job',
  acknowledgeJob: 'tell GitLab that the job runs',
  beginBuild:
    'tell GitLab that the job runs, then prepare_executor: images, network, volumes, services, containers',
  prepareEnvironment: 'prepare_executor: images, network, volumes, services, containers',
  runStage: 'run a stage',
  stopStage: 'stop the stage that runs',
  timeLeft: 'ask the node how much time is left',
  writeNotice: 'write into the log what a person has ordered',
  uploadTrace: 'send the log to GitLab while it grows',
  reportResult: 'send the rest of the log and the result to GitLab',
  destroyEnvironment: 'remove containers, volumes and network',
  releaseBuild: 'delete the record of the build, free its place',
  markCanceled: 'mark the workflow as canceled',
  answerCall: 'wait for the node to answer',
  witnessLoss: 'wait for another node',
  adoptBuild: 'hand the build to another node',
};

/**
 * Says in the Temporal UI what each activity and timer is for (closed texts: nothing of a job is in
 * them), and marks what is logged of a workflow that ends as its job did.
 */
export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      getLogAttributes: (attributes, next) =>
        next(isEndOfBuild() ? { ...attributes, [END_OF_BUILD]: true } : attributes),
      scheduleActivity: (input, next) => {
        const text = ACTIVITY_TEXTS[input.activityType];
        if (text === undefined || input.options.summary !== undefined) return next(input);
        return next({ ...input, options: { ...input.options, summary: clearValue(text) } });
      },
      startTimer: (input, next) => {
        if (input.options?.summary !== undefined) return next(input);
        const text = `at the latest after ${formatSeconds(input.durationMs)}`;
        return next({ ...input, options: { ...input.options, summary: clearValue(text) } });
      },
    },
  ],
});

function formatSeconds(durationMs: number): string {
  return `${Number((durationMs / 1000).toFixed(1))} s`;
}
