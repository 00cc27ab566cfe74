import type { JobPayload } from '../job/payload.ts';
import type { Digests } from '../runner/digests.ts';

const KEY_LENGTH = 12;
/** Three parts of base64url, behind a prefix. */
const SIGNED_TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * Tells a job from another one that bears its number: a GitLab that was made anew at the same address,
 * or put back to a backup, counts on from an earlier one. 12 hex digits, of which nobody can read the
 * token. Two jobs are the same when their tokens are. A signed token is made anew each time that its job
 * is handed out, so there what GitLab says of the job decides, with the moment its pipeline was created.
 * Source: GitLab `Ci::Build#token`, `lib/ci/job_token/jwt.rb`.
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
