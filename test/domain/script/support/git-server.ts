import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

export interface GitRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly userAgent: string | undefined;
  readonly correlationId: string | undefined;
}

/** Git over smart HTTP for requests with the token. Everything else is refused. */
export interface GitServer {
  readonly url: string;
  readonly host: string;
  readonly requests: GitRequest[];
  /** Makes a repository of one commit for each set of files; returns the hashes. */
  readonly addRepository: (path: string, commits: readonly Commit[]) => readonly string[];
  /** Adds commits to a repository; returns their hashes. */
  readonly addCommits: (path: string, commits: readonly Commit[]) => readonly string[];
  readonly repositoryDir: (path: string) => string;
  readonly close: () => Promise<void>;
}

export type Commit = Readonly<Record<string, string>>;

export async function startGitServer(root: string, token: string): Promise<GitServer> {
  const requests: GitRequest[] = [];
  const wanted = `Basic ${Buffer.from(`gitlab-ci-token:${token}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const { authorization } = request.headers;
    requests.push({
      path: request.url ?? '',
      authorization,
      userAgent: request.headers['user-agent'],
      correlationId: request.headers['x-gitaly-correlation-id']?.toString(),
    });
    if (authorization === wanted) serve(root, request, response);
    else response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="git"' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const repositoryDir = (path: string): string => join(root, `${path}.git`);
  return {
    url: `http://127.0.0.1:${port}/`,
    host: `127.0.0.1:${port}`,
    requests,
    repositoryDir,
    addRepository: (path, commits) => makeRepository(repositoryDir(path), commits),
    addCommits: (path, commits) =>
      importCommits(repositoryDir(path), 'from refs/heads/main^0\n', commits),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** git(1) without any configuration of this machine. */
export function git(dir: string, ...args: readonly string[]): string {
  return execFileSync('git', ['-C', dir, '-c', 'user.name=T', '-c', 'user.email=t@x', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_ALLOW_PROTOCOL: 'file:http' },
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

function makeRepository(bare: string, commits: readonly Commit[]): readonly string[] {
  mkdirSync(bare, { recursive: true });
  git(bare, 'init', '-q', '--bare', '-b', 'main');
  git(bare, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
  return importCommits(bare, '', commits);
}

/**
 * One import makes all commits: adding files and committing takes a process for each of them.
 * `from` names the parent of the first one.
 */
function importCommits(bare: string, from: string, commits: readonly Commit[]): readonly string[] {
  execFileSync('git', ['-C', bare, 'fast-import', '--quiet', '--export-marks=marks'], {
    input: commits
      .map((files, index) => formatCommit(files, index, index === 0 ? from : ''))
      .join(''),
  });
  const marks = readFileSync(join(bare, 'marks'), 'utf8').trim().split('\n');
  return marks.map((line) => line.slice(line.indexOf(' ') + 1));
}

/** The input of git-fast-import(1) for a commit. It keeps the files of the last one. */
function formatCommit(files: Commit, index: number, from: string): string {
  const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;
  const changes = Object.entries(files).map(([path, content]) => {
    const [kind, name = '', hash = ''] = path.split(' ');
    return kind === 'submodule'
      ? `M 160000 ${hash} ${name}\n`
      : `M 100644 inline ${path}\n${data(content)}`;
  });
  const head = `commit refs/heads/main\nmark :${index + 1}\ncommitter T <t@x> 1700000000 +0000\n`;
  return head + data(`commit ${index}`) + from + changes.join('');
}

function serve(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      HOME: '/nonexistent',
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'],
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
      GIT_PROTOCOL: request.headers['git-protocol']?.toString(),
      REMOTE_USER: 'job',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  request.pipe(backend.stdin);
  const chunks: Buffer[] = [];
  backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  backend.on('close', () => answer(Buffer.concat(chunks), response));
}

/** A CGI answer: headers, an empty line, the body. */
function answer(cgi: Buffer, response: ServerResponse): void {
  const end = cgi.indexOf('\r\n\r\n');
  const headers = cgi.subarray(0, end).toString().split('\r\n');
  for (const line of headers) {
    const at = line.indexOf(':');
    if (line.startsWith('Status:')) response.statusCode = Number(line.slice(at + 1, at + 5));
    else response.setHeader(line.slice(0, at), line.slice(at + 1).trim());
  }
  response.end(cgi.subarray(end + 4));
}
