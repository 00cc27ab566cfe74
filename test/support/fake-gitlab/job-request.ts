import { field, json, refusal, type FakeRequest, type Handler, type Reply } from './exchange.ts';
import type { ServerJob } from './job.ts';
import type { FakeSession } from './types.ts';
import { addMachine, checkRunnerConduct, runnerTokenOf } from './runner-calls.ts';
import type { Runner, Runners } from './runners.ts';
import { checkInfo, checkSystemId, type Violations } from './violations.ts';

export interface JobRequestOptions {
  readonly runners: Runners;
  readonly jobs: readonly ServerJob[];
  readonly longPollMs: number;
  readonly acknowledgeMs: number;
  readonly violations: Violations;
  /** Returns the payload of the job for this runner. Creates first what the payload refers to. */
  readonly payloadFor: (job: ServerJob, runner: Runner) => Readonly<Record<string, unknown>>;
}

/**
 * Workhorse adds this header to every answer of this call. It tells a runner that it may use long
 * polling.
 */
const POLLING = { 'Gitlab-Ci-Builds-Polling': 'yes' };

/**
 * Answers `POST /jobs/request`, with Workhorse's long polling: a request with the current
 * `last_update` is held open and answered 204 after a change, so that the runner asks again.
 * Source: GitLab `lib/api/ci/runner.rb`, `workhorse/internal/builds/register.go`.
 */
export function createJobRequest(options: JobRequestOptions): Handler {
  const { runners, violations, longPollMs } = options;
  return async (request) => {
    checkRunnerConduct(violations, request);
    checkInfo(violations, request);
    checkSystemId(violations, request);
    const runner = runners.find(runnerTokenOf(request));
    if (runner === undefined) return refusal(403, 'Forbidden');
    addMachine(runner, request);
    if (request.fields['last_update'] === runner.queueValue) {
      await runner.whenQueueChanges(longPollMs, request.signal);
      return { status: 204, headers: POLLING };
    }
    return handOut(runner, request, options);
  };
}

function handOut(
  runner: Runner,
  request: FakeRequest,
  { jobs, payloadFor, acknowledgeMs, violations }: JobRequestOptions,
): Reply {
  const job = jobs.find((candidate) => isFor(candidate, runner));
  if (job === undefined) {
    return { status: 204, headers: { ...POLLING, 'X-GitLab-Last-Update': runner.queueValue } };
  }
  const features = field(field(request.fields, 'info'), 'features');
  job.handOut({
    cancelsGracefully: features['cancel_gracefully'] === true,
    session: sessionOf(request, violations),
    acknowledgeMs: features['two_phase_job_commit'] === true ? acknowledgeMs : undefined,
  });
  const payload = payloadFor(job, runner);
  job.keepPayload(payload);
  const reply = json(201, payload);
  return { ...reply, headers: { ...reply.headers, ...POLLING } };
}

/**
 * Returns the part of the session that GitLab keeps for Workhorse. Source: GitLab
 * `Ci::BuildRunnerSession`.
 */
function sessionOf(request: FakeRequest, violations: Violations): FakeSession | undefined {
  if (request.fields['session'] === undefined) return undefined;
  const { url, certificate, authorization } = field(request.fields, 'session');
  const session = {
    url: String(url),
    certificate: String(certificate),
    authorization: String(authorization),
  };
  const isGood =
    /^https:\/\/\S+$/.test(session.url) &&
    session.certificate.startsWith('-----BEGIN CERTIFICATE-----\n') &&
    session.authorization !== '';
  if (!isGood) violations.add(request, 'its session makes no sense');
  return session;
}

function isFor({ isOffered, spec }: ServerJob, { token }: Runner): boolean {
  return isOffered && (spec.runnerToken === undefined || spec.runnerToken === token);
}
