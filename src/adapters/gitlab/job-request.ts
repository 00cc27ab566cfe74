import type { Coordinator, JobRequestOptions, JobReply, Log } from '../../ports/index.ts';
import { FinalError, TransientError } from '../../domain/failure.ts';
import type { SessionOffer } from '../../domain/session/session.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import type { RunnerInfo } from '../../domain/context/info.ts';
import { describeAnswer, describeNonJson, parseAnswer } from './faults.ts';
import type { Api, ApiReply } from './http.ts';
import { jsonContent } from './json-content.ts';
import type { LastUpdate } from './last-update.ts';

/** The limit is high, because the variables of a job may contain many certificates and files. */
const JOB_LIMIT_BYTES = 64 * 1024 * 1024;
/** A request occupies a slot, so longer waits happen outside of it. */
const WAIT_BUDGET_MS = 2_000;
/**
 * GitLab holds a request for 50 s unless configured otherwise, and works on none for longer than a
 * minute, so a longer request hangs. A held request never brings a job itself, only the news that
 * there is one.
 */
const REQUEST_MS = 3 * 60_000;
/** The longest pause that GitLab can ask for. */
const MAX_QUIET_MS = 5 * 60_000;

export interface JobRequestScope {
  readonly runner: RunnerConfig;
  readonly systemId: string;
  readonly api: Api;
  readonly info: RunnerInfo;
  readonly lastUpdate: LastUpdate;
  readonly log: Log;
}

/**
 * Creates the call `POST /jobs/request`. When GitLab asks for a pause longer than one request may
 * take, requests during the pause return `no_job` without contacting it.
 */
export function createJobRequest(scope: JobRequestScope): Coordinator['requestJob'] {
  let quietUntilMs = 0;
  return async (options) => {
    if (performance.now() < quietUntilMs) return { kind: 'no_job' };
    try {
      const reply = await ask(options, scope);
      scope.lastUpdate.take(reply);
      if (reply.retryAfterMs !== undefined) {
        quietUntilMs = performance.now() + Math.min(reply.retryAfterMs, MAX_QUIET_MS);
      }
      return toJobReply(reply, scope);
    } catch (error) {
      // An unusable url is the runner's own fault, so it counts against its health like a refused
      // token.
      if (error instanceof FinalError) return { kind: 'forbidden', message: error.message };
      if (error instanceof TransientError) return { kind: 'failed', message: error.message };
      throw error;
    }
  };
}

function ask({ mayWait, session }: JobRequestOptions, scope: JobRequestScope): Promise<ApiReply> {
  const { runner, systemId, info, api } = scope;
  const lastUpdate = mayWait ? scope.lastUpdate.read() : undefined;
  return api.send({
    method: 'POST',
    path: 'jobs/request',
    token: { header: 'RUNNER-TOKEN', value: runner.token },
    content: jsonContent({
      info,
      token: runner.token,
      system_id: systemId,
      ...(lastUpdate !== undefined && { last_update: lastUpdate }),
      ...(session !== undefined && { session: toWire(session) }),
    }),
    wantsJson: true,
    bodyLimitBytes: JOB_LIMIT_BYTES,
    waitBudgetMs: WAIT_BUDGET_MS,
    requestMs: REQUEST_MS,
  });
}

function toWire({ url, certificatePem, token }: SessionOffer) {
  return { url, certificate: certificatePem, authorization: token };
}

function toJobReply(reply: ApiReply, { runner }: JobRequestScope): JobReply {
  const secrets = [runner.token];
  switch (reply.status) {
    case 201:
      return toOffer(reply, secrets);
    case 204:
      return { kind: 'no_job' };
    case 403:
      return { kind: 'forbidden', message: describeAnswer(reply, secrets) };
    default:
      return { kind: 'failed', message: describeRefusal(reply, secrets) };
  }
}

/**
 * Describes an unexpected answer. GitLab never answers 200 here, so a page with 200 comes from a
 * proxy.
 */
function describeRefusal(reply: ApiReply, secrets: readonly string[]): string {
  const isPage = reply.body.byteLength > 0 && parseAnswer(reply) === undefined;
  return isPage ? describeNonJson(reply, secrets) : describeAnswer(reply, secrets);
}

function toOffer(reply: ApiReply, secrets: readonly string[]): JobReply {
  const parsed = parseAnswer(reply);
  if (parsed === undefined) {
    const said = describeNonJson(reply, secrets);
    return { kind: 'failed', message: `a job was handed out that cannot be read: ${said}` };
  }
  const { tls, peerChainPem } = reply.transport;
  return {
    kind: 'job',
    payload: parsed.json,
    correlationId: reply.correlationId,
    tlsCaPem: tls.caPem ?? peerChainPem(),
    tlsCertPem: tls.certPem,
    tlsKeyPem: tls.keyPem,
  };
}
