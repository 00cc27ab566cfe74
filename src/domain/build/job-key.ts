import type { JobPayload } from '../job/payload.ts';
import type { Digests } from '../runner/digests.ts';

const KEY_LENGTH = 12;
/** A prefix, then three parts of base64url. */
const SIGNED_TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Distinguishes a job from an earlier one with the same number. Numbers repeat when a GitLab is set
 * up again at the same address or restored from a backup. Returns 12 hex digits, from which nobody
 * can recover the token. Jobs with the same token are the same job. A signed token is made anew
 * each time its job is handed out; such a job is identified by GitLab's data about it and the time
 * its pipeline was created. Source: GitLab `Ci::Build#token`, `lib/ci/job_token/jwt.rb`.
 */
export function jobKey(digests: Digests, job: JobPayload): string {
  const identity = SIGNED_TOKEN.test(job.token) ? originOf(job) : job.token;
  return digests.sha256Hex(identity).slice(0, KEY_LENGTH);
}

function originOf({ job_info: info, git_info: git, variables }: JobPayload): string {
  const createdAt = variables.find(({ key }) => key === 'CI_PIPELINE_CREATED_AT')?.value;
  const project = [info.project_id, info.pipeline_id];
  return JSON.stringify([...project, info.stage, info.name, git.ref, git.sha, createdAt]);
}
