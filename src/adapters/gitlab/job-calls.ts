import type {
  Coordinator,
  JobCredentials,
  JobUpdate,
  PatchReply,
  RemoteJobState,
  TracePatch,
  UpdateReply,
} from '../../ports/index.ts';
import { TransientError } from '../../domain/failure.ts';
import type { RunnerInfo } from '../../domain/context/info.ts';
import {
  isHtmlMediaType,
  parseRemoteState,
  parseUpdateIntervalMs,
} from '../../domain/runner/reply-headers.ts';
import { formatContentRange, parseRemoteLengthBytes } from '../../domain/trace/content-range.ts';
import {
  createPatchSizes,
  USUAL_PATCH_BYTES,
  type LargePatches,
  type PatchFate,
} from '../../domain/trace/patch-size.ts';
import { describeAnswer, describeNonJson } from './faults.ts';
import type { Api, ApiReply } from './http.ts';
import { jsonContent } from './json-content.ts';
import type { LastUpdate } from './last-update.ts';
import { createQuietTimes, type QuietTimes } from './quiet-times.ts';

/**
 * The caller handles longer waits, because the trace keeps growing and the job may be canceled
 * meanwhile.
 */
const WAIT_BUDGET_MS = 5_000;
/**
 * GitLab does not hold these calls open, and works on none for longer than a minute. A call that
 * takes longer hangs.
 */
const ANSWER_MS = 60_000;
/** The slowest line that a patch must get through: 8 kB/s. */
const SLOWEST_BYTES_PER_MS = 8;
/** Pause between final updates while GitLab stores the trace, unless GitLab says otherwise. */
const DEFAULT_PENDING_MS = 3_000;

export interface JobCallsOptions {
  readonly api: Api;
  readonly info: RunnerInfo;
  readonly lastUpdate: LastUpdate;
  readonly largePatches: LargePatches;
}

type JobCalls = Pick<Coordinator, 'updateJob' | 'takePatchPermit' | 'patchTrace'>;

/** Creates the calls `PUT /jobs/:id` and `PATCH /jobs/:id/trace`. */
export function createJobCalls(options: JobCallsOptions): JobCalls {
  const quiet = createQuietTimes();
  const sizes = createPatchSizes(options.largePatches);
  return {
    takePatchPermit: sizes.take,
    updateJob: async (job, update) => {
      const name = `update of job ${job.jobId}`;
      quiet.check(name);
      const reply = await sendUpdate(job, update, options);
      options.lastUpdate.take(reply);
      return toUpdateReply(reply, update.state, { job, name, quiet });
    },
    patchTrace: async (job, patch) => {
      if (patch.body.byteLength === 0) {
        return { kind: 'accepted', remote: 'running', updateIntervalMs: undefined };
      }
      const name = `trace of job ${job.jobId}`;
      quiet.check(name);
      const sentBytes = patch.body.byteLength;
      let fate: PatchFate = 'failed';
      try {
        const reply = await sendPatch(job, patch, options);
        const isTooLarge = reply.status === 413 && sentBytes > USUAL_PATCH_BYTES;
        if (isTooLarge) {
          fate = 'too_large';
          return { kind: 'too_large' };
        }
        const answer = toPatchReply(reply, { job, name, quiet });
        if (answer.kind === 'accepted') fate = 'taken';
        return answer;
      } finally {
        sizes.learn(sentBytes, fate);
      }
    },
  };
}

function sendUpdate(
  { jobId, token }: JobCredentials,
  update: JobUpdate,
  { api, info }: JobCallsOptions,
): Promise<ApiReply> {
  const { state, failureReason, exitCode, checksum, byteSize } = update;
  return api.send({
    method: 'PUT',
    path: `jobs/${jobId}`,
    token: { header: 'JOB-TOKEN', value: token },
    content: jsonContent({
      info,
      token,
      state,
      ...(failureReason !== undefined && { failure_reason: failureReason }),
      ...(exitCode !== undefined && exitCode !== 0 && { exit_code: exitCode }),
      // The first `checksum` is for servers that do not know `output`.
      ...(checksum !== undefined && { checksum, output: { checksum, bytesize: byteSize } }),
    }),
    wantsJson: false,
    waitBudgetMs: WAIT_BUDGET_MS,
    requestMs: ANSWER_MS,
  });
}

function sendPatch(
  { jobId, token }: JobCredentials,
  { window, body, debugTrace }: TracePatch,
  { api }: JobCallsOptions,
): Promise<ApiReply> {
  return api.send({
    method: 'PATCH',
    path: `jobs/${jobId}/trace?debug_trace=${debugTrace}`,
    token: { header: 'JOB-TOKEN', value: token },
    headers: { 'Content-Range': formatContentRange(window) },
    content: { type: 'text/plain', bytes: body },
    wantsJson: false,
    waitBudgetMs: WAIT_BUDGET_MS,
    requestMs: ANSWER_MS + body.byteLength / SLOWEST_BYTES_PER_MS,
  });
}

interface Call {
  readonly job: JobCredentials;
  readonly name: string;
  readonly quiet: QuietTimes;
}

function toUpdateReply(reply: ApiReply, state: JobUpdate['state'], call: Call): UpdateReply {
  const { status, headers } = reply;
  const remote = parseRemoteState(headers.get('Job-Status'));
  if ([403, 404].includes(status)) return { kind: 'job_gone', status };
  if (remote === 'aborted') return { kind: 'done', remote };
  if (status === 412) return { kind: 'trace_invalid' };
  if (status === 409 && state === 'running') return { kind: 'conflict' };
  if (isPage(reply)) throw fault(reply, call);
  if (status === 200) return { kind: 'done', remote };
  if (status !== 202) throw fault(reply, call);
  return { kind: 'pending', retryAfterMs: updateIntervalOf(reply) ?? DEFAULT_PENDING_MS };
}

function toPatchReply(reply: ApiReply, call: Call): PatchReply {
  const { status, headers } = reply;
  const remote: RemoteJobState = parseRemoteState(headers.get('Job-Status'));
  const updateIntervalMs = updateIntervalOf(reply);
  if (status === 403) return { kind: 'job_gone', status };
  if (status === 202 && !isPage(reply)) return { kind: 'accepted', remote, updateIntervalMs };
  if (status === 416) {
    const remoteLengthBytes = parseRemoteLengthBytes(headers.get('Range')) ?? 0;
    return { kind: 'range_mismatch', remoteLengthBytes, remote, updateIntervalMs };
  }
  if (remote === 'aborted') return { kind: 'job_gone', status };
  if (status === 404) return { kind: 'not_found' };
  throw fault(reply, call);
}

function updateIntervalOf({ headers }: ApiReply): number | undefined {
  return parseUpdateIntervalMs(headers.get('X-GitLab-Trace-Update-Interval'));
}

/**
 * Whether the answer is a web page. GitLab never sends one here, so a proxy did, and GitLab has not
 * received the call.
 */
function isPage({ headers }: ApiReply): boolean {
  return isHtmlMediaType(headers.get('Content-Type'));
}

function fault(reply: ApiReply, { job, name, quiet }: Call): TransientError {
  const secrets = [job.token];
  const said = isPage(reply) ? describeNonJson(reply, secrets) : describeAnswer(reply, secrets);
  return quiet.fault(name, `${name} was not taken: ${said}`, reply);
}
