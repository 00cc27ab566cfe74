import type { Coordinator, JobReply, Log } from '../../ports/index.ts';
import { FinalError, TransientError } from '../../domain/failure.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import type { RunnerInfo } from '../../domain/context/info.ts';
import { describeAnswer, describeNonJson, parseAnswer } from './faults.ts';
import type { Api, ApiReply } from './http.ts';
import { jsonContent } from './json-content.ts';
import type { LastUpdate } from './last-update.ts';

/** A job's variables may hold many certificates and files. */
const JOB_LIMIT_BYTES = 64 * 1024 * 1024;
/** A request holds a place for a build: longer waits are kept outside of it. */
const WAIT_BUDGET_MS = 2_000;
/**
 * GitLab holds a request for 50 s unless it is set up otherwise, and works on none for longer than a
 * minute; one that it holds brings no job, only the news that there is one. What takes longer hangs.
 */
const REQUEST_MS = 3 * 60_000;
/** However long GitLab asks to be left alone, a runner asks again after this. */
const MAX_QUIET_MS = 5 * 60_000;

export interface JobRequestOptions {
  readonly runner: RunnerConfig;
  readonly systemId: string;
  readonly api: Api;
  readonly info: RunnerInfo;
  readonly lastUpdate: LastUpdate;
  readonly log: Log;
}

/**
 * `POST /jobs/request`. When GitLab asks to be left alone for longer than one request may take,
 * the requests of that time are answered `no_job` without asking it.
 */
export function createJobRequest(options: JobRequestOptions): Coordinator['requestJob'] {
  let quietUntilMs = 0;
  return async ({ mayWait }) => {
    if (performance.now() < quietUntilMs) return { kind: 'no_job' };
    try {
      const reply = await ask(mayWait, options);
      options.lastUpdate.take(reply);
      if (reply.retryAfterMs !== undefined) {
        quietUntilMs = performance.now() + Math.min(reply.retryAfterMs, MAX_QUIET_MS);
      }
      return toJobReply(reply, options);
    } catch (error) {
      // An unusable url is the runner's own fault, as a refused token is: it counts against it.
      if (error instanceof FinalError) return { kind: 'forbidden', message: error.message };
      if (error instanceof TransientError) return { kind: 'failed', message: error.message };
      throw error;
    }
  };
}

function ask(mayWait: boolean, options: JobRequestOptions): Promise<ApiReply> {
  const { runner, systemId, info, api } = options;
  const lastUpdate = mayWait ? options.lastUpdate.read() : undefined;
  return api.send({
    method: 'POST',
    path: 'jobs/request',
    token: { header: 'RUNNER-TOKEN', value: runner.token },
    content: jsonContent({
      info,
      token: runner.token,
      system_id: systemId,
      ...(lastUpdate !== undefined && { last_update: lastUpdate }),
    }),
    wantsJson: true,
    bodyLimitBytes: JOB_LIMIT_BYTES,
    waitBudgetMs: WAIT_BUDGET_MS,
    requestMs: REQUEST_MS,
  });
}

function toJobReply(reply: ApiReply, { runner }: JobRequestOptions): JobReply {
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

/** 200 is no answer GitLab has: a page of somebody in between. */
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
