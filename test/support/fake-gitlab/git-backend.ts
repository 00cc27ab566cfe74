import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { FakeRequest, Handler, Reply } from './exchange.ts';
import type { ServerJob } from './job.ts';
import { GIT_ENVIRONMENT } from './repository.ts';
import type { Violations } from './violations.ts';

export interface GitBackendOptions {
  /** The directory that contains the paths of projects. */
  readonly root: string;
  readonly jobs: readonly ServerJob[];
  readonly violations: Violations;
}

const DENIED: Reply = {
  status: 401,
  headers: { 'WWW-Authenticate': 'Basic realm="GitLab"', 'Content-Type': 'text/plain' },
  body: 'HTTP Basic: Access denied\n',
};

/** Serves smart HTTP with git's own server. Clients need the token of a running job. */
export function createGitBackend({ root, jobs, violations }: GitBackendOptions): Handler {
  return (request) => {
    const credentials = parseBasic(request.headers['authorization']);
    // git sends its first request without a password, and sends the password when the server asks
    // for it.
    if (credentials === undefined) return DENIED;
    const job = jobs.find(({ token }) => token === credentials.password);
    if (credentials.user !== 'gitlab-ci-token' || job === undefined) {
      violations.add(request, 'credentials that are not of a job');
      return DENIED;
    }
    return job.isErased || job.isFinal ? DENIED : serve(root, request);
  };
}

function parseBasic(authorization = ''): { user: string; password: string } | undefined {
  const [scheme, encoded] = authorization.split(' ', 2);
  if (scheme?.toLowerCase() !== 'basic' || encoded === undefined) return undefined;
  const [user = '', password = ''] = Buffer.from(encoded, 'base64').toString().split(':', 2);
  return { user, password };
}

async function serve(root: string, request: FakeRequest): Promise<Reply> {
  const child = spawn('git', ['http-backend'], {
    env: cgiEnvironment(root, request),
    stdio: ['pipe', 'pipe', 'ignore'],
    signal: request.signal,
  });
  // The runner has closed the connection, and the request's signal has ended the process.
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined).end(request.body);
  return readCgiReply(child.stdout);
}

function cgiEnvironment(root: string, { method, url, headers, body }: FakeRequest) {
  return {
    ...GIT_ENVIRONMENT,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: decodeURIComponent(url.pathname),
    QUERY_STRING: url.search.slice(1),
    REQUEST_METHOD: method,
    CONTENT_TYPE: headers['content-type'] ?? '',
    CONTENT_LENGTH: `${body.byteLength}`,
    HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
    GIT_PROTOCOL: headers['git-protocol'] ?? '',
  };
}

/** Reads the head of a CGI answer. The rest is streamed. */
async function readCgiReply(output: Readable): Promise<Reply> {
  let head = Buffer.alloc(0);
  for await (const chunk of output.iterator({ destroyOnReturn: false })) {
    head = Buffer.concat([head, chunk as Buffer]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) continue;
    output.unshift(head.subarray(end + 4));
    return { ...parseCgiHead(head.subarray(0, end).toString()), body: output };
  }
  return { status: 500, body: 'git http-backend said nothing' };
}

function parseCgiHead(head: string): Pick<Reply, 'status'> & { headers: Record<string, string> } {
  const lines = head.split('\r\n').map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
  });
  const { Status: status = '200', ...headers } = Object.fromEntries(lines);
  return { status: Number.parseInt(status, 10), headers };
}
