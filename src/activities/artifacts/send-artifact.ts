import { expandArtifact } from '../../domain/artifacts/expand-artifact.ts';
import {
  isOutageLike,
  judgeUpload,
  uploadPauseMs,
  type UploadAnswer,
} from '../../domain/artifacts/upload-verdict.ts';
import { uploadFilename } from '../../domain/artifacts/uploads.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import { TransientError } from '../../domain/failure.ts';
import { shortToken } from '../../domain/context/names.ts';
import type { HelperLine, HelperLineLevel } from '../../domain/trace/helper-line.ts';
import type { ArtifactReply, JobCredentials } from '../../ports/index.ts';
import { credentialsOf } from '../trace/trace.ts';
import {
  noteProgress,
  packedFile,
  print,
  type ArtifactContext,
  type Progress,
} from './artifact-context.ts';
import { assertLease } from '../build/lease.ts';

type Sent = Extract<Progress, { state: 'sent' | 'failed' }>;

/**
 * Sends a packed file until GitLab has accepted or refused it. Throws TransientError while GitLab
 * is away; the next call continues with the same file. GitLab accepts a repeated upload, so a lost
 * answer costs nothing but that upload.
 */
export async function sendArtifact(context: ArtifactContext): Promise<Sent> {
  let url: string | undefined;
  for (let tries = 1; ; tries += 1) {
    const attempt = await attemptUpload(context, url);
    if (isOutageLike(attempt.answer, attempt.status) && (await isJobGone(context, attempt.said))) {
      return await fail(context, attempt, 'permission denied');
    }
    const verdict = judgeUpload(attempt.answer, attempt.said, tries);
    if (verdict.kind === 'done') {
      await print(context, 'sent', lineOf(context, attempt));
      return noteProgress(context, { state: 'sent' });
    }
    if (verdict.kind === 'failed') return await fail(context, attempt, verdict.lastLine);
    await print(context, `attempt ${attempt.id}`, lineOf(context, attempt));
    if (attempt.url !== undefined) await printRedirect(context, attempt);
    url = attempt.url ?? url;
    await print(context, `again ${attempt.id}`, retryLine(verdict.because));
    await context.ports.clock.sleep(uploadPauseMs(tries), context.signal);
  }
}

interface Attempt {
  readonly answer: UploadAnswer;
  readonly said: string;
  /** Distinguishes the lines of this attempt from those of every other attempt. */
  readonly id: string;
  readonly status?: number;
  /** The server that GitLab redirected to. */
  readonly url?: string | undefined;
}

async function attemptUpload(context: ArtifactContext, url: string | undefined): Promise<Attempt> {
  const { build, ports, signal, upload, variables } = context;
  const { artifact_format: format, artifact_type: type, expire_in: expireIn } = upload.artifact;
  const { runner } = build.context;
  const file = await packedFile(context);
  const { name } = expandArtifact(upload.artifact, variables);
  const filename = uploadFilename(upload.artifact, name);
  await assertLease(build, ports);
  try {
    const reply = await ports.coordinator(runner).uploadArtifact(credentialsOf(build.context), {
      ...{ file, filename, format, type, expireIn, url, signal },
    });
    return attemptOf(reply);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TransientError)) throw error;
    if (error.retryAfterMs !== undefined) throw await waiting(context, error);
    return { answer: 'unanswered', said: error.message, id: ports.randomness.hex(8) };
  }
}

function attemptOf(reply: ArtifactReply): Attempt {
  const { kind, said, status, correlationId } = reply;
  const url = kind === 'redirected' ? reply.url : undefined;
  return { answer: kind, said, status, url, id: correlationId };
}

/**
 * Whether GitLab no longer wants the job. Asked after a possible outage, because only uploads that
 * fail while GitLab answers other calls count as tries.
 */
async function isJobGone(context: ArtifactContext, why: string): Promise<boolean> {
  const { build, ports } = context;
  const { runner } = build.context;
  try {
    const job: JobCredentials = credentialsOf(build.context);
    const reply = await ports.coordinator(runner).updateJob(job, { state: 'running' });
    return reply.kind === 'job_gone' || (reply.kind === 'done' && reply.remote === 'aborted');
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    const { retryAfterMs, status } = error;
    const facts = { retryAfterMs, from: 'gitlab', status } as const;
    throw await waiting(context, new TransientError(why, facts));
  }
}

/** Prints a line about the wait for GitLab, only once for the whole wait. */
async function waiting(context: ArtifactContext, fault: TransientError): Promise<TransientError> {
  const { build, ports } = context;
  const text = `${prefixOf(context)} GitLab is away (${fault.message}): the upload is kept and sent when it is back`;
  await print(context, 'waiting', { level: 'warning', text });
  ports.log.warn('artifact not sent yet', { ...jobFields(build.context), reason: fault.message });
  return fault;
}

async function fail(context: ArtifactContext, attempt: Attempt, lastLine: string): Promise<Sent> {
  await print(context, `attempt ${attempt.id}`, lineOf(context, attempt));
  await print(context, 'failed', { level: 'fatal', text: lastLine });
  // A job that may not send this entry may not send the others either.
  return noteProgress(context, { state: 'failed', isLast: attempt.answer === 'forbidden' });
}

const LEVELS: Readonly<Record<UploadAnswer, HelperLineLevel>> = {
  created: 'info',
  redirected: 'info',
  forbidden: 'error',
  too_large: 'error',
  unavailable: 'error',
  failed: 'warning',
  unanswered: 'error',
};

/**
 * Returns the line about an attempt. Source: gitlab-runner `network/gitlab.go` (UploadRawArtifacts,
 * determineUploadState).
 */
function lineOf(context: ArtifactContext, { answer, said, id, status }: Attempt): HelperLine {
  const { job } = context.build.context;
  const isUnanswered = answer === 'unanswered';
  return {
    level: LEVELS[answer],
    text: `${prefixOf(context)} ${isUnanswered ? 'error' : said}`,
    fields: {
      ...(isUnanswered ? { error: said } : { correlation_id: id, status: status ?? 0 }),
      ...{ id: job.id, token: shortToken(job.token) },
    },
  };
}

function prefixOf({ upload }: ArtifactContext): string {
  const type = upload.artifact.artifact_type;
  return type === ''
    ? 'Uploading artifacts to coordinator...'
    : `Uploading artifacts as "${type}" to coordinator...`;
}

async function printRedirect(context: ArtifactContext, { id, url = '' }: Attempt): Promise<void> {
  const fields = { 'new-url': url };
  await print(context, `redirect ${id}`, {
    level: 'info',
    text: 'Upload request redirected',
    fields,
  });
}

function retryLine(because: string): HelperLine {
  const fields = { context: 'artifacts-uploader', error: because };
  return { level: 'warning', text: 'Retrying...', fields };
}
