import { field, json, textOf, type FakeRequest, type Handler, type Reply } from './exchange.ts';
import type { ServerJob } from './job.ts';
import { accessJob, checkJobConduct, text, type JobCallOptions } from './job-access.ts';
import type { ReceivedTrace } from './received-trace.ts';
import { checkInfo, type Violations } from './violations.ts';

/**
 * Every GitLab knows these reasons, whether it lists them or not. Source: gitlab-runner
 * `common/network.go`, `common/failure_reason_mapper.go`.
 */
const ALWAYS_KNOWN_REASONS: readonly string[] = [
  ...['script_failure', 'runner_system_failure', 'job_execution_timeout', 'unknown_failure'],
];

/**
 * Answers `PUT /jobs/:id`. A real GitLab only logs a wrong checksum of the trace. This one answers
 * it once with 412, and accepts the trace again from its start. Source: GitLab
 * `app/services/ci/update_build_state_service.rb`.
 */
export function createUpdateCall(options: JobCallOptions): (jobId: number) => Handler {
  const { violations } = options;
  return (jobId) => (request) => {
    checkJobConduct(violations, request, 'application/json');
    checkInfo(violations, request);
    const access = accessJob(request, jobId, options);
    if (access.kind === 'refused') return access.reply;
    const { job } = access;
    const state = request.fields['state'];
    if (state === 'running') return acknowledge(job);
    if (state === 'success' || state === 'failed') {
      return finish(job, state, { request, violations });
    }
    violations.add(request, `the state ${JSON.stringify(state)}`);
    return json(400, { error: 'state does not have a valid value' });
  };
}

function acknowledge(job: ServerJob): Reply {
  if (!job.acknowledge()) return json(409, { message: '409 Conflict' });
  return text(200, { 'Job-Status': job.state });
}

interface Call {
  readonly request: FakeRequest;
  readonly violations: Violations;
}

function finish(job: ServerJob, state: 'success' | 'failed', { request, violations }: Call): Reply {
  const badReason = reasonFault(job, state, request);
  if (badReason !== undefined) {
    violations.add(request, badReason);
    return json(400, { error: 'failure_reason does not have a valid value' });
  }
  const output = field(request.fields, 'output');
  const isExempt =
    output['checksum'] === undefined && (job.spec.changesNodes === true || isOfAborted(request));
  const traceFault = isExempt ? undefined : outputFault(job.received, output);
  if (traceFault !== undefined) {
    if (!job.received.wasLost) violations.add(request, traceFault);
    if (!job.countInvalidFinal()) {
      job.received.truncate(0);
      return text(412, { 'Job-Status': job.state });
    }
  }
  const exitCode = request.fields['exit_code'];
  job.finish({
    state,
    failureReason: textOf(request.fields['failure_reason']),
    exitCode: typeof exitCode === 'number' ? exitCode : undefined,
  });
  return text(200, { 'Job-Status': job.state });
}

/** Whether a job is reported that GitLab has ended. The rest of its log is not sent. */
function isOfAborted({ fields }: FakeRequest): boolean {
  const reason = textOf(fields['failure_reason']) ?? '';
  return ['job_canceled', 'unknown_failure'].includes(reason);
}

function reasonFault(
  { payload }: ServerJob,
  state: 'success' | 'failed',
  { fields }: FakeRequest,
): string | undefined {
  const reason = fields['failure_reason'] ?? '';
  if (state === 'success') return reason === '' ? undefined : 'success with a failure_reason';
  const listed = field(payload, 'features')['failure_reasons'];
  const known = [...ALWAYS_KNOWN_REASONS, ...(Array.isArray(listed) ? (listed as unknown[]) : [])];
  return known.includes(reason) ? undefined : `the failure_reason ${JSON.stringify(reason)}`;
}

/** Returns how the received trace differs from the one that the runner reports, or undefined. */
function outputFault(
  received: ReceivedTrace,
  { checksum, bytesize }: Readonly<Record<string, unknown>>,
): string | undefined {
  if (checksum === undefined || bytesize === undefined) {
    return 'a final state without output.checksum and output.bytesize';
  }
  if (bytesize !== received.lengthBytes) {
    return `final with ${JSON.stringify(bytesize)} bytes of trace, of which ${received.lengthBytes} came`;
  }
  return checksum === received.checksum
    ? undefined
    : `final with ${JSON.stringify(checksum)}, but what came has ${received.checksum}`;
}
