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
import { shortToken } from '../../domain/runner/names.ts';
import type { HelperLine, HelperLineLevel } from '../../domain/trace/helper-line.ts';
import type { ArtifactReply, JobCredentials } from '../ports.ts';
import { credentialsOf } from '../trace.ts';
import { noteProgress, packedFile, say, type ArtifactScene, type Progress } from './scene.ts';
import { assertTenure } from '../tenure.ts';

type Sent = Extract<Progress, { state: 'sent' | 'failed' }>;

/**
 * Sends a packed file until GitLab has taken or refused it. Throws TransientError while GitLab is
 * away: the next call goes on with the same file. GitLab takes the same file twice without harm, so
 * an answer that was lost costs an upload and nothing else.
 */
export async function sendArtifact(scene: ArtifactScene): Promise<Sent> {
  let url: string | undefined;
  for (let tries = 1; ; tries += 1) {
    const attempt = await attemptUpload(scene, url);
    if (isOutageLike(attempt.answer, attempt.status) && (await isJobGone(scene, attempt.said))) {
      return await fail(scene, attempt, 'permission denied');
    }
    const verdict = judgeUpload(attempt.answer, attempt.said, tries);
    if (verdict.kind === 'done') {
      await say(scene, 'sent', lineOf(scene, attempt));
      return noteProgress(scene, { state: 'sent' });
    }
    if (verdict.kind === 'failed') return await fail(scene, attempt, verdict.sayFinally);
    await say(scene, `attempt ${attempt.id}`, lineOf(scene, attempt));
    if (attempt.url !== undefined) await sayRedirect(scene, attempt);
    url = attempt.url ?? url;
    await say(scene, `again ${attempt.id}`, retryLine(verdict.because));
    await scene.ports.clock.sleep(uploadPauseMs(tries), scene.signal);
  }
}

interface Attempt {
  readonly answer: UploadAnswer;
  readonly said: string;
  /** Tells its lines from those of every other attempt. */
  readonly id: string;
  readonly status?: number;
  /** Of the server to which GitLab has pointed. */
  readonly url?: string | undefined;
}

async function attemptUpload(scene: ArtifactScene, url: string | undefined): Promise<Attempt> {
  const { build, ports, signal, upload, variables } = scene;
  const { artifact_format: format, artifact_type: type, expire_in: expireIn } = upload.artifact;
  const { runner } = build.context;
  const file = await packedFile(scene);
  const { name } = expandArtifact(upload.artifact, variables);
  const filename = uploadFilename(upload.artifact, name);
  await assertTenure(build, ports);
  try {
    const reply = await ports.coordinator(runner).uploadArtifact(credentialsOf(build.context), {
      ...{ file, filename, format, type, expireIn, url, signal },
    });
    return attemptOf(reply);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TransientError)) throw error;
    if (error.retryAfterMs !== undefined) throw await waiting(scene, error);
    return { answer: 'unanswered', said: error.message, id: ports.randomness.hex(8) };
  }
}

function attemptOf(reply: ArtifactReply): Attempt {
  const { kind, said, status, correlationId } = reply;
  const url = kind === 'redirected' ? reply.url : undefined;
  return { answer: kind, said, status, url, id: correlationId };
}

/**
 * Whether GitLab wants nothing more of the job. Asked when it may be away: an upload that fails
 * while all else is answered has failed by itself, and only then its tries are counted.
 */
async function isJobGone(scene: ArtifactScene, why: string): Promise<boolean> {
  const { build, ports } = scene;
  const { runner } = build.context;
  try {
    const job: JobCredentials = credentialsOf(build.context);
    const reply = await ports.coordinator(runner).updateJob(job, { state: 'running' });
    return reply.kind === 'job_gone' || (reply.kind === 'done' && reply.remote === 'aborted');
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    const { retryAfterMs } = error;
    throw await waiting(
      scene,
      new TransientError(why, retryAfterMs === undefined ? {} : { retryAfterMs }),
    );
  }
}

/** Said once for each entry, however long it takes. */
async function waiting(scene: ArtifactScene, fault: TransientError): Promise<TransientError> {
  const { build, ports } = scene;
  const text = `${prefixOf(scene)} GitLab is away (${fault.message}): the upload is kept and sent when it is back`;
  await say(scene, 'waiting', { level: 'warning', text });
  ports.log.warn('artifact not sent yet', { ...jobFields(build.context), reason: fault.message });
  return fault;
}

async function fail(scene: ArtifactScene, attempt: Attempt, sayFinally: string): Promise<Sent> {
  await say(scene, `attempt ${attempt.id}`, lineOf(scene, attempt));
  await say(scene, 'failed', { level: 'fatal', text: sayFinally });
  // What the job may not send any more, it may not send the rest of either.
  return noteProgress(scene, { state: 'failed', isLast: attempt.answer === 'forbidden' });
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

/** Source: gitlab-runner `network/gitlab.go` (UploadRawArtifacts, determineUploadState). */
function lineOf(scene: ArtifactScene, { answer, said, id, status }: Attempt): HelperLine {
  const { job } = scene.build.context;
  const isUnanswered = answer === 'unanswered';
  return {
    level: LEVELS[answer],
    text: `${prefixOf(scene)} ${isUnanswered ? 'error' : said}`,
    fields: {
      ...(isUnanswered ? { error: said } : { correlation_id: id, status: status ?? 0 }),
      ...{ id: job.id, token: shortToken(job.token) },
    },
  };
}

function prefixOf({ upload }: ArtifactScene): string {
  const type = upload.artifact.artifact_type;
  return type === ''
    ? 'Uploading artifacts to coordinator...'
    : `Uploading artifacts as "${type}" to coordinator...`;
}

async function sayRedirect(scene: ArtifactScene, { id, url = '' }: Attempt): Promise<void> {
  const fields = { 'new-url': url };
  await say(scene, `redirect ${id}`, { level: 'info', text: 'Upload request redirected', fields });
}

function retryLine(because: string): HelperLine {
  const fields = { context: 'artifacts-uploader', error: because };
  return { level: 'warning', text: 'Retrying...', fields };
}
