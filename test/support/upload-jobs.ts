import type { JobSpec } from './fake-gitlab/types.ts';

// These jobs upload artifacts.

/** One entry of `artifacts` in the payload, as GitLab derives it from .gitlab-ci.yml. */
interface Entry {
  readonly name?: string;
  readonly paths?: readonly string[];
  readonly exclude?: readonly string[];
  readonly untracked?: boolean;
  readonly when?: 'on_success' | 'on_failure' | 'always';
  readonly artifact_type?: string;
  readonly artifact_format?: string;
  readonly expire_in?: string;
}

export interface UploadingJob extends JobSpec {
  readonly artifacts: readonly Entry[];
}

export const ARCHIVE = { artifact_type: 'archive', artifact_format: 'zip' };

export function jobWith({ artifacts, variables = [], ...spec }: UploadingJob): JobSpec {
  return {
    ...spec,
    variables: [{ key: 'GIT_STRATEGY', value: 'empty' }, ...variables],
    payload: { artifacts: artifacts.map((entry) => ({ ...ARCHIVE, ...entry })) },
  };
}

export const OUT = jobWith({ script: ['echo hi > out.txt'], artifacts: [{ paths: ['out.txt'] }] });
export const UPLOADED = { filename: 'artifacts.zip', holds: { 'out.txt': 'hi\n' } };
