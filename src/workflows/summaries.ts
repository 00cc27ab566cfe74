import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';
import { END_OF_BUILD } from '../domain/build/end-text.ts';
import { clearValue } from '../domain/clear-text.ts';
import { isEndOfBuild } from './build/end-mark.ts';

/** The summary in the Temporal UI of an activity that was scheduled without one. */
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
  writeNotice: "write an operator's command into the log",
  startForShell: "start the job's container for an operator's shell",
  uploadTrace: 'send the log to GitLab while it grows',
  reportResult: 'send the rest of the log and the result to GitLab',
  destroyEnvironment: 'remove containers, volumes and network',
  releaseBuild: 'delete the record of the build and free its slot',
  markCanceled: 'mark the workflow as canceled',
  answerCall: 'wait for the node to answer',
  witnessLoss: 'wait for another node',
  adoptBuild: 'move the build to another node',
};

/**
 * Gives each activity and timer a summary in the Temporal UI. The texts are fixed and contain
 * nothing of a job. Also marks log lines of a workflow that only has to end as its job did.
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
