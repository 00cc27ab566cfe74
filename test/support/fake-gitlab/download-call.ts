import { refusal, type FakeRequest, type Handler, type Reply } from './exchange.ts';
import {
  replyWith,
  wantsDirectDownload,
  type EarlierJob,
  type EarlierJobs,
} from './earlier-jobs.ts';
import { checkJobConduct, type JobCallOptions } from './job-access.ts';
import type { ObjectStorage } from './object-storage.ts';
import type { Handlers } from './router.ts';

export interface DownloadOptions extends JobCallOptions {
  readonly earlier: EarlierJobs;
  /** Opens the storage when it is first used. */
  readonly storage: () => Promise<ObjectStorage>;
}

/**
 * Answers downloads of artifacts. Source: GitLab `lib/api/ci/runner.rb` (GET
 * jobs/:id/artifacts).
 */
export function createDownloadCall(options: DownloadOptions): Handlers['downloadArtifacts'] {
  const { jobs, earlier, violations } = options;
  return (jobId): Handler =>
    (request) => {
      checkJobConduct(violations, request, undefined);
      if (!['', '?direct_download=true'].includes(request.url.search)) {
        violations.add(request, `the query is ${request.url.search}`);
      }
      const job = earlier.find(jobId) ?? jobs.find(({ id }) => id === jobId);
      if (job === undefined || request.headers['job-token'] !== job.token) {
        violations.add(request, "not the token of the dependency's payload");
        return refusal(403, 'Forbidden');
      }
      if ('answers' in job) return replyFor(job, request, options);
      const archive = job.artifacts.find(({ type }) => type === 'archive');
      if (archive === undefined) return refusal(404, 'Not found');
      return replyWith(archive.content);
    };
}

async function replyFor(
  job: EarlierJob,
  request: FakeRequest,
  { storage }: DownloadOptions,
): Promise<Reply> {
  const isStored = job.spec.isInObjectStorage === true;
  if (!isStored || !wantsDirectDownload(request)) return replyWith(job.spec.archive);
  return { status: 302, headers: { Location: (await storage()).sign(job) } };
}
