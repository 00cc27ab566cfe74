import {
  NODE_PROTOCOL,
  type BuildPlan,
  type JobSummary,
  type PlannedStage,
  type StageName,
} from '../../../src/domain/context/stage.ts';

let count = 0;

/** An id that no other test of this process uses. */
export function uniqueName(word: string): string {
  count += 1;
  return `${word}-${process.pid}-${count}`;
}

export function stage(name: StageName, attempts = 1): PlannedStage {
  const isUsers = name.startsWith('step_') || name === 'after_script';
  return { name, place: isUsers ? 'build' : 'helper', attempts };
}

export function transfer(name: StageName): PlannedStage {
  return { name, place: 'transfer', attempts: 1 };
}

/** A job with a script and nothing else. */
export const PLAIN_PLAN: BuildPlan = {
  preparation: [],
  steps: [stage('step_script')],
  afterScript: undefined,
  cleanup: undefined,
  jobTimeoutMs: 3_600_000,
  scriptTimeoutMs: undefined,
  afterScriptTimeoutMs: 300_000,
  afterScriptIgnoreErrors: true,
};

/** A job with every stage. */
export const FULL_PLAN: BuildPlan = {
  ...PLAIN_PLAN,
  preparation: [stage('prepare_script'), stage('get_sources')],
  afterScript: stage('after_script'),
  cleanup: stage('cleanup_file_variables'),
};

/** FULL_PLAN with files to keep after success and failure. */
export const FILES_PLAN: BuildPlan = {
  ...FULL_PLAN,
  finish: {
    onSuccess: [transfer('archive_cache'), transfer('upload_artifacts_on_success')],
    onFailure: [transfer('archive_cache_on_failure'), transfer('upload_artifacts_on_failure')],
  },
};

/** The job of a node of 0.1.0, which knows no calls that do several steps at once. */
export function jobOfOldNode(plan: BuildPlan): JobSummary {
  const { protocol: _, ...job } = jobOf(plan);
  return job;
}

export function jobOf(plan: BuildPlan, rejection?: string): JobSummary {
  const name = uniqueName('job');
  return {
    buildId: `build/gitlab.test/${name}`,
    jobId: 1,
    jobName: 'rspec',
    jobStage: 'test',
    projectId: 7,
    projectPath: 'group/project',
    pipelineId: 3,
    ref: 'main',
    jobUrl: 'https://gitlab.test/group/project/-/jobs/1',
    runnerKey: 'key',
    runnerName: 'runner',
    plan,
    protocol: NODE_PROTOCOL,
    rejection,
  };
}
