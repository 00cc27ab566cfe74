import { STATUS_CODES } from 'node:http';
import type {
  ArtifactReply,
  ArtifactUpload,
  Coordinator,
  JobCredentials,
} from '../../ports/index.ts';
import { TransientError } from '../../domain/failure.ts';
import { messageOf } from '../../domain/runner/answer-text.ts';
import { apiBaseUrl, uploadAddress, uploadServerUrl } from '../../domain/runner/api-url.ts';
import { parseAnswer } from './faults.ts';
import type { Api, ApiReply } from './http.ts';
import { multipartOf } from './multipart.ts';

/** The caller handles longer waits and reports them. */
const WAIT_BUDGET_MS = 5_000;

type ArtifactCalls = Pick<Coordinator, 'uploadArtifact'> & { close(): Promise<void> };

export interface ArtifactCallsOptions {
  /** The `url` of the runner's entry. */
  readonly url: string;
  /** Uploads have their own time limits, and may go to another server than all other calls. */
  readonly openApi: (url: string) => Api;
}

/** Creates the call `POST /jobs/:id/artifacts`. */
export function createArtifactCalls({ url: ownUrl, openApi }: ArtifactCallsOptions): ArtifactCalls {
  const apis = new Map<string, Api>();
  const apiOf = (url: string): Api => {
    const api = apis.get(url) ?? openApi(url);
    apis.set(url, api);
    return api;
  };
  return {
    uploadArtifact: async (job, upload) => {
      const path = uploadPath(job, upload);
      const own = new URL(path, apiBaseUrl(ownUrl));
      const to = upload.url === undefined ? own : new URL(upload.url);
      const server = to.hostname === own.hostname ? ownUrl : serverOf(to, own);
      const sent: Sent = { job, path, url: to };
      return toReply(await send(upload, sent, apiOf(server)), sent);
    },
    close: async () => {
      await Promise.all([...apis.values()].map((api) => api.close()));
      apis.clear();
    },
  };
}

/**
 * Returns the address of a server as the `url` of a runner. Only addresses that GitLab has
 * redirected to are used.
 */
function serverOf(to: URL, own: URL): string {
  return uploadServerUrl(to, own) ?? own.origin;
}

function uploadPath(
  { jobId }: JobCredentials,
  { format, type, expireIn }: Pick<ArtifactUpload, 'format' | 'type' | 'expireIn'>,
): string {
  const parameters = { artifact_format: format, artifact_type: type, expire_in: expireIn };
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ''));
  return `jobs/${jobId}/artifacts${query.size === 0 ? '' : `?${query.toString()}`}`;
}

function send(
  { file, filename, signal }: ArtifactUpload,
  { job, path, url }: Sent,
  api: Api,
): Promise<ApiReply> {
  return api.send({
    method: 'POST',
    path,
    address: url,
    token: { header: 'JOB-TOKEN', value: job.token },
    content: multipartOf({ file, filename, field: 'file' }),
    takesRedirects: true,
    wantsJson: false,
    waitBudgetMs: WAIT_BUDGET_MS,
    signal,
  });
}

interface Sent {
  readonly job: JobCredentials;
  /** Path of the upload, below an API. */
  readonly path: string;
  /** The address that was requested. */
  readonly url: URL;
}

function toReply(reply: ApiReply, sent: Sent): ArtifactReply {
  const { status, correlationId } = reply;
  const said = wordsOf(reply, sent.job);
  const answer = { status, said, correlationId };
  switch (status) {
    case 201:
      return { kind: 'created', ...answer };
    case 307:
    case 308:
      return redirected(reply, { ...sent, answer });
    case 403:
      return { kind: 'forbidden', ...answer };
    case 413:
      return { kind: 'too_large', ...answer };
    case 429:
      throw tooMany(said, reply.retryAfterMs);
    case 503:
      return { kind: 'unavailable', ...answer };
    default:
      return { kind: 'failed', ...answer };
  }
}

function redirected(
  { headers }: ApiReply,
  { url: from, path, answer }: Sent & { readonly answer: Omit<ArtifactReply, 'kind' | 'url'> },
): ArtifactReply {
  const location = headers.get('Location') ?? '';
  if (location === '') return { ...answer, kind: 'failed', said: `${answer.said} empty location` };
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  const url = to && uploadAddress(to, { from, path });
  if (url !== undefined) return { ...answer, kind: 'redirected', url };
  return { ...answer, kind: 'failed', said: `${answer.said} ${refusalOf(to)}` };
}

function refusalOf(to: URL | undefined): string {
  return to?.protocol === 'http:'
    ? `to ${to.origin}, which would take the job's token out of TLS`
    : 'to an address that is not http(s)';
}

/**
 * Returns GitLab's message. Source: gitlab-runner `network/client.go` (getMessageFromJSONResponse).
 */
function wordsOf(reply: ApiReply, { token }: JobCredentials): string {
  const { status } = reply;
  const name = status === 413 ? 'Request Entity Too Large' : (STATUS_CODES[status] ?? '');
  const line = `${status} ${name}`.trim();
  if (status < 300) return line;
  return messageOf(parseAnswer(reply)?.json, [token]) ?? line;
}

function tooMany(said: string, retryAfterMs: number | undefined): TransientError {
  const text = `GitLab takes no artifacts just now: ${said}`;
  return new TransientError(text, { retryAfterMs, from: 'gitlab', status: 429 });
}
