import { crc32 } from 'node:zlib';
import { parseJson, type ServerAnswer, type ServerRequest } from './http-server.ts';
import { FINAL_STATES, type ServerJob } from './job.ts';
import { FAILURE_REASONS } from './payload.ts';
import type { JobQueue } from './queue.ts';
import { forbidden, json } from './runner-calls.ts';

export interface JobCallsOptions {
  readonly queue: JobQueue;
  readonly traceUpdateIntervalSeconds: number;
  readonly violate: (what: string) => void;
}

interface UpdateBody {
  readonly token?: unknown;
  readonly state?: unknown;
  readonly failure_reason?: unknown;
  readonly exit_code?: unknown;
  readonly output?: { readonly checksum?: unknown; readonly bytesize?: unknown };
}

const MAX_PATCH_BYTES = 1024 * 1024;

/** Calls by job token. Source: gitlab `lib/api/ci/runner.rb`, spec/coordinator-api §5, §6 and §9. */
export function createJobCalls(options: JobCallsOptions) {
  const { violate } = options;
  const headersOf = ({ state }: ServerJob): Record<string, string> => ({
    'Job-Status': state,
    'X-GitLab-Trace-Update-Interval': `${options.traceUpdateIntervalSeconds}`,
  });
  /** The job, when its own token is used and it is in a state that a runner may change. */
  const open = (request: ServerRequest, id: number): ServerJob | ServerAnswer => {
    const job = options.queue.find(id);
    if (job === undefined) return json(404, { message: '404 Not found' });
    if (request.headers['job-token'] !== job.token) {
      violate(`${request.method} of job ${id} with a token that is not the job's`);
      return forbidden();
    }
    if (job.isErased || FINAL_STATES.includes(job.state)) {
      const answer = forbidden();
      return { ...answer, headers: { ...answer.headers, 'Job-Status': job.state } };
    }
    return job;
  };

  return {
    update: (request: ServerRequest, id: number): ServerAnswer => {
      const job = open(request, id);
      if (!('spec' in job)) return job;
      const body = (parseJson(request.body) as UpdateBody | undefined) ?? {};
      if (body.state === 'running') return { ...json(200, null), headers: headersOf(job) };
      if (body.state !== 'success' && body.state !== 'failed') {
        violate(`update of job ${id} to the state ${JSON.stringify(body.state)}`);
        return json(400, { error: 'state does not have a valid value' });
      }
      return finish(job, { ...body, state: body.state });
    },
    patchTrace: (request: ServerRequest, id: number): ServerAnswer => {
      const job = open(request, id);
      if (!('spec' in job)) return job;
      return patch(job, request);
    },
  };

  function finish(
    job: ServerJob,
    body: UpdateBody & { state: 'success' | 'failed' },
  ): ServerAnswer {
    const { failure_reason: reason, exit_code: exitCode } = body;
    if (body.state === 'failed' && !FAILURE_REASONS.includes(`${reason}`)) {
      violate(`job ${job.id} failed for the reason ${JSON.stringify(reason)}`);
    }
    const fault = outputFault(job, body.output);
    if (fault !== undefined) {
      violate(`job ${job.id}: ${fault}`);
      return { ...json(412, { message: '412 Precondition failed' }), headers: headersOf(job) };
    }
    job.finish({
      state: body.state,
      failureReason: body.state === 'failed' && typeof reason === 'string' ? reason : undefined,
      exitCode: typeof exitCode === 'number' ? exitCode : undefined,
    });
    return { ...json(200, null), headers: headersOf(job) };
  }

  function patch(job: ServerJob, { headers, body }: ServerRequest): ServerAnswer {
    const range = /^(\d+)-(\d+)$/.exec(headers['content-range'] ?? '');
    if (range === null) {
      violate(`trace of job ${job.id} without a Content-Range`);
      return json(400, { error: 'Missing header Content-Range' });
    }
    const [start, end] = [Number(range[1]), Number(range[2])];
    if (body.byteLength > MAX_PATCH_BYTES) violate(`trace patch of ${body.byteLength} bytes`);
    if (end - start + 1 !== body.byteLength) {
      violate(`trace patch says ${range[0]} and has ${body.byteLength} bytes`);
    }
    const lengthBytes = job.trace.byteLength;
    if (start !== lengthBytes) {
      return { status: 416, headers: { ...headersOf(job), Range: `0-${lengthBytes}` } };
    }
    job.append(body);
    return { status: 202, headers: { ...headersOf(job), Range: `0-${job.trace.byteLength}` } };
  }
}

/** Why the checksum that came with a final state is not that of the trace; undefined when it is. */
function outputFault({ trace }: ServerJob, output: UpdateBody['output']): string | undefined {
  if (output === undefined) return 'the final update has no checksum of the trace';
  if (output.bytesize !== trace.byteLength) {
    return `the runner says ${String(output.bytesize)} bytes of trace, ${trace.byteLength} have come`;
  }
  const checksum = `crc32:${crc32(trace).toString(16).padStart(8, '0')}`;
  return output.checksum === checksum
    ? undefined
    : `the runner says ${String(output.checksum)}, the trace that came has ${checksum}`;
}
