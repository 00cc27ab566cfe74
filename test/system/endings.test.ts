import { describeScenarios, NO_GIT } from '../support/scenario.ts';

const RUNNING = [NO_GIT];

describeScenarios('cancel and time-outs', {}, [
  {
    title: 'a job canceled in its script stops, runs after_script and is canceled',
    job: {
      script: ['echo begun', 'sleep 120', 'echo never-here'],
      afterScript: ['echo "after with $CI_JOB_STATUS"'],
      variables: RUNNING,
    },
    meanwhile: async (job) => {
      await job.whenLog(/^begun$/m);
      job.cancel();
    },
    expected: { state: 'canceled', log: ['begun', 'after with canceled'], never: ['\nnever-here'] },
  },
  {
    title: 'a job that was canceled before it began is canceled, and its script does not run',
    job: { script: ['echo script-ran'], variables: RUNNING },
    meanwhile: (job) => {
      job.cancel();
      return Promise.resolve();
    },
    expected: { state: 'canceled' },
  },
  {
    title: 'a script that ignores SIGTERM is killed when its job is canceled',
    job: { script: ['trap "" TERM', 'echo begun', 'sleep 120'], variables: RUNNING },
    meanwhile: async (job) => {
      await job.whenLog(/^begun$/m);
      job.cancel();
    },
    expected: { state: 'canceled' },
  },
  {
    title: 'a job that exceeds its time-out fails without after_script',
    job: {
      script: ['echo begun', 'sleep 120'],
      afterScript: ['echo after-ran'],
      timeout: 4,
      variables: RUNNING,
    },
    expected: {
      state: 'failed',
      failureReason: 'job_execution_timeout',
      log: ['begun', 'ERROR: Job failed: execution took longer than 4s seconds'],
      never: ['after-ran'],
    },
  },
  {
    title: 'a script that takes longer than RUNNER_SCRIPT_TIMEOUT fails, and after_script runs',
    job: {
      script: ['echo begun', 'sleep 120'],
      afterScript: ['echo after-ran'],
      variables: [...RUNNING, { key: 'RUNNER_SCRIPT_TIMEOUT', value: '4s' }],
    },
    expected: {
      state: 'failed',
      failureReason: 'job_execution_timeout',
      log: [
        ...['begun', 'the script took longer than 4 s', 'after-ran'],
        /^ERROR: Job failed: script timeout: context deadline exceeded$/m,
      ],
    },
  },
  {
    title: 'an after_script that exceeds its time-out does not change the result',
    job: {
      script: ['true'],
      afterScript: ['echo after-begun', 'sleep 120'],
      variables: [...RUNNING, { key: 'RUNNER_AFTER_SCRIPT_TIMEOUT', value: '2s' }],
    },
    expected: { state: 'success', log: ['after-begun', 'Job succeeded'] },
  },
]);
