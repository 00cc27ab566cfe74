import { json, type FakeRequest, type Handler, type Reply } from './exchange.ts';
import type { ServerJob } from './job.ts';
import { accessJob, checkJobConduct, text, type JobCallOptions } from './job-access.ts';
import type { Violations } from './violations.ts';

/**
 * The size of the largest patch that this runner sends. GitLab itself has no limit, but proxies
 * before it have one.
 */
const MAX_PATCH_BYTES = 4 * 1024 * 1024;

/**
 * Answers `PATCH /jobs/:id/trace`. It compares only the start of a patch with the trace, as GitLab
 * does. It accepts a patch that ends where the trace ends now, even when GitLab already had it.
 * Source: GitLab `app/services/ci/append_build_trace_service.rb`.
 */
export function createTraceCall(options: JobCallOptions): (jobId: number) => Handler {
  const { violations } = options;
  return (jobId) => (request) => {
    checkJobConduct(violations, request, 'text/plain');
    const access = accessJob(request, jobId, options);
    if (access.kind === 'refused') return access.reply;
    const range = /^(\d+)-(\d+)$/.exec(request.headers['content-range'] ?? '');
    if (range === null) {
      violations.add(request, `Content-Range is ${request.headers['content-range']}`);
      return json(400, { error: '400 Missing header Content-Range' });
    }
    const patch = { startByte: Number(range[1]), lastByte: Number(range[2]), request };
    checkPatch(patch, violations);
    return { ...apply(access.job, patch, options), onLost: () => access.job.allowResend() };
  };
}

interface Patch {
  readonly startByte: number;
  readonly lastByte: number;
  readonly request: FakeRequest;
}

function checkPatch({ startByte, lastByte, request }: Patch, violations: Violations): void {
  const { body, url } = request;
  const debugTrace = url.searchParams.get('debug_trace');
  if (debugTrace !== 'true' && debugTrace !== 'false') {
    violations.add(request, `debug_trace is ${debugTrace}`);
  }
  if (body.byteLength > MAX_PATCH_BYTES) {
    violations.add(request, `${body.byteLength} bytes in one patch`);
  }
  if (body.byteLength !== lastByte - startByte + 1) {
    violations.add(request, `${startByte}-${lastByte} with ${body.byteLength} bytes`);
  }
}

function apply(job: ServerJob, patch: Patch, options: JobCallOptions): Reply {
  const { received } = job;
  const { body } = patch.request;
  if (patch.startByte === received.lengthBytes) job.append(body);
  else checkMismatch(job, patch, options.violations);
  received.tell(received.lengthBytes);
  const range = { Range: `0-${received.lengthBytes}` };
  if (received.lengthBytes !== patch.startByte + body.byteLength) {
    return { ...json(416, { error: '416 Range Not Satisfiable' }), headers: range };
  }
  return text(202, {
    ...range,
    'Job-Status': job.state,
    'X-GitLab-Trace-Update-Interval': `${options.traceUpdateIntervalSeconds}`,
  });
}

/**
 * Records a violation when the runner leaves something out or changes it. A runner may repeat data
 * that may not have arrived.
 */
function checkMismatch(
  job: ServerJob,
  { startByte, request }: Patch,
  violations: Violations,
): void {
  const { bytes, lengthBytes, toldBytes } = job.received;
  if (job.spec.changesNodes === true && startByte === 0) return;
  // The checksum shows this fault at the end of the job.
  if (job.received.isMixed) return;
  if (startByte > Math.max(lengthBytes, toldBytes)) {
    violations.add(request, `a gap: starts at ${startByte}, GitLab has ${lengthBytes}`);
    return;
  }
  const known = bytes.subarray(startByte, startByte + request.body.byteLength);
  if (!known.equals(request.body.subarray(0, known.byteLength))) {
    violations.add(request, `other bytes than before from ${startByte} on`);
  } else if (startByte < lengthBytes && job.countResend()) {
    violations.add(request, `bytes from ${startByte} on once more, GitLab has ${lengthBytes}`);
  }
}
