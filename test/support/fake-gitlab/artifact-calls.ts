import { createHash } from 'node:crypto';
import { json, refusal, type FakeRequest, type Handler } from './exchange.ts';
import { accessJob, checkJobConduct, type JobCallOptions } from './job-access.ts';
import { boundaryOf } from './multipart.ts';
import type { Handlers } from './router.ts';
import type { FakeArtifact } from './types.ts';

const FORMATS: readonly string[] = ['raw', 'zip', 'gzip'];

/**
 * Answers uploads. Small uploads are kept in memory. GitLab keeps one file of each type: it accepts
 * the same file again and refuses a different one. Source: GitLab `lib/api/ci/runner.rb`,
 * `app/services/ci/job_artifacts/create_service.rb`.
 */
export function createArtifactCalls(options: JobCallOptions): Pick<Handlers, 'uploadArtifacts'> {
  const { violations } = options;
  const uploadArtifacts =
    (jobId: number): Handler =>
    (request) => {
      checkJobConduct(violations, request, 'multipart/form-data');
      const access = accessJob(request, jobId, options);
      if (access.kind === 'refused') return access.reply;
      const artifact = parseUpload(request);
      if (typeof artifact === 'string') {
        violations.add(request, artifact);
        return json(400, { error: artifact });
      }
      const before = access.job.artifacts.find(({ type }) => type === artifact.type);
      if (before !== undefined && before.sha256 !== artifact.sha256) {
        violations.add(request, `another artifact of type ${artifact.type} than before`);
        return refusal(400, 'Bad request - another artifact of the same type already exists');
      }
      if (before === undefined) access.job.addArtifact(artifact);
      return json(201, '201');
    };
  return { uploadArtifacts };
}

/** Returns the only part, which must be named `file`, or a message about the fault. */
function parseUpload({ headers, body, large, url }: FakeRequest): FakeArtifact | string {
  const boundary = boundaryOf(headers['content-type']);
  const mark = `--${boundary}`;
  const head = body.indexOf('\r\n\r\n');
  const end = body.lastIndexOf(`\r\n${mark}--`);
  if (
    boundary === undefined ||
    head === -1 ||
    end < head + 4 ||
    !body.toString('latin1').startsWith(mark)
  ) {
    return 'the multipart body is malformed';
  }
  const disposition = body.subarray(0, head).toString();
  const filename = /name="file"; filename="([^"]*)"/.exec(disposition)?.[1];
  if (filename === undefined) return 'there is no part named file';
  const format = url.searchParams.get('artifact_format') ?? 'zip';
  if (!FORMATS.includes(format)) return `artifact_format is ${format}`;
  const content = body.subarray(head + 4, end);
  const sha256 = createHash('sha256').update(content).digest('hex');
  return {
    ...{ filename, format, content },
    ...(large ?? { sizeBytes: content.byteLength, sha256 }),
    type: url.searchParams.get('artifact_type') ?? 'archive',
    expireIn: url.searchParams.get('expire_in') ?? undefined,
  };
}
