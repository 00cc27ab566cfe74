import { refusal, textOf, type FakeRequest, type Reply } from './exchange.ts';
import type { ServerJob } from './job.ts';
import { checkConduct, type Conduct, type Violations } from './violations.ts';

export interface JobCallOptions {
  readonly jobs: readonly ServerJob[];
  readonly violations: Violations;
  readonly traceUpdateIntervalSeconds: number;
}

export type Access =
  | { readonly kind: 'granted'; readonly job: ServerJob }
  | { readonly kind: 'refused'; readonly reply: Reply };

/**
 * Checks who may send calls about a job: only a client with the job's own token, while the job runs
 * or is being canceled. Any other call is answered 403, so that the runner sees that GitLab has
 * refused it, and stops. Source: GitLab `lib/api/ci/helpers/runner.rb`, `authenticate_job!`.
 */
export function accessJob(
  request: FakeRequest,
  jobId: number,
  { jobs, violations }: JobCallOptions,
): Access {
  const job = jobs.find(({ id }) => id === jobId);
  if (job === undefined || job.handedOut === 0) {
    violations.add(request, 'a job that was never handed out');
    return refuse('Forbidden');
  }
  if ((textOf(request.fields['token']) ?? request.headers['job-token']) !== job.token) {
    violations.add(request, "not the job's token");
    return refuse('Forbidden');
  }
  if (job.state === 'pending' && request.fields['state'] !== 'running') {
    violations.add(request, 'a job that GitLab has taken back');
    return refuse('Forbidden  - Job is not running');
  }
  if (!job.isErased && !job.isFinal) return { kind: 'granted', job };
  if (job.countLateCall()) violations.add(request, 'goes on about a job that is over');
  if (job.isErased) return refuse('Forbidden  - Job has been erased!');
  return refuse('Forbidden  - Job is not running', { 'Job-Status': job.state });
}

function refuse(message: string, headers: Readonly<Record<string, string>> = {}): Access {
  const reply = refusal(403, message);
  return { kind: 'refused', reply: { ...reply, headers: { ...reply.headers, ...headers } } };
}

export function checkJobConduct(
  violations: Violations,
  request: FakeRequest,
  contentType: Conduct['contentType'],
): void {
  checkConduct(violations, request, { contentType, tokenHeader: 'job-token', wantsJson: false });
}

export function text(status: number, headers: Readonly<Record<string, string>>): Reply {
  return { status, headers: { 'Content-Type': 'text/plain', ...headers }, body: `${status}` };
}
