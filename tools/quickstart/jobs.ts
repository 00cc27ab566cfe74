import type { FakeJob, JobSpec } from '../../test/support/fake-gitlab/types.ts';

/** A job of the demonstration, and what a person does with it while it runs. */
export interface DemoJob {
  readonly spec: JobSpec;
  readonly meanwhile?: (job: FakeJob) => Promise<void>;
}

const NO_GIT = { key: 'GIT_STRATEGY', value: 'none' };

export const DEMO_JOBS: readonly DemoJob[] = [
  {
    spec: {
      name: 'build',
      stage: 'build',
      script: ['ls', 'sh build.sh', 'cat out/README'],
    },
  },
  {
    spec: {
      name: 'fail',
      script: ['echo "This one is meant to fail."', 'exit 3'],
      variables: [NO_GIT],
    },
  },
  {
    spec: {
      name: 'secret',
      script: ['echo "before_script and script share a shell"', 'echo "the password is $PASSWORD"'],
      afterScript: ['echo "after_script of a job with the status $CI_JOB_STATUS"'],
      variables: [NO_GIT, { key: 'PASSWORD', value: 'correct-horse-battery', masked: true }],
    },
  },
  {
    spec: {
      name: 'cancel',
      script: ['for i in $(seq 1 60); do echo "step $i of 60"; sleep 0.5; done'],
      afterScript: ['echo "cleaning up after a job that is $CI_JOB_STATUS"'],
      variables: [NO_GIT],
    },
    meanwhile: async (job) => {
      await job.whenLog(/^step 5 of 60$/m);
      job.cancel();
    },
  },
];

/** The job for `--keep`. It is long enough to kill the worker in the middle of it. */
export const LONG_JOB: JobSpec = {
  name: 'long',
  script: ['for i in $(seq 1 300); do echo "line $i of 300"; sleep 1; done'],
  variables: [NO_GIT],
};
