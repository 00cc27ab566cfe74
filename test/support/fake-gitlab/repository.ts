import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { ServerAnswer, ServerRequest } from './http-server.ts';
import type { FakeRepository } from './types.ts';

const run = promisify(execFile);

export const PROJECT_PATH = 'group/project';
const BRANCH = 'main';

const FIRST_FILES: Readonly<Record<string, string>> = {
  'README.md': '# A project\n\nBuilt by a runner whose every job is a durable workflow.\n',
  'build.sh':
    '#!/bin/sh\nset -e\nmkdir -p out\ntr a-z A-Z < README.md > out/README\necho "built $(wc -l < out/README) lines"\n',
  'src/main.txt': 'hello\n',
};

const IDENTITY = {
  GIT_AUTHOR_NAME: 'A Developer',
  GIT_AUTHOR_EMAIL: 'developer@example.com',
  GIT_COMMITTER_NAME: 'A Developer',
  GIT_COMMITTER_EMAIL: 'developer@example.com',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
};

/** A bare repository on disk with a small project, and git's own server for it. */
export interface GitServer {
  repositoryAt(origin: string): FakeRepository;
  /** Makes `refs/pipelines/<id>` as GitLab does for each pipeline; a commit that is not there gets none. */
  addPipeline(id: number, sha: string): void;
  /** Answers by `git http-backend`. Whether the client may read was decided before. */
  serve(request: ServerRequest): Promise<ServerAnswer>;
  close(): Promise<void>;
}

export async function createGitServer(): Promise<GitServer> {
  const root = await mkdtemp(join(tmpdir(), 'fake-gitlab-'));
  const bare = join(root, `${PROJECT_PATH}.git`);
  const work = join(root, 'work');
  const git = (cwd: string, ...args: readonly string[]) =>
    run('git', [...args], { cwd, env: { ...process.env, ...IDENTITY } });
  await mkdir(bare, { recursive: true });
  await git(bare, 'init', '--quiet', '--bare', `--initial-branch=${BRANCH}`);
  await git(root, 'clone', '--quiet', bare, work);
  await git(work, 'checkout', '--quiet', '-B', BRANCH);
  let headSha = '';

  const commit = async (files: Readonly<Record<string, string>>, branch = BRANCH) => {
    await git(work, 'checkout', '--quiet', '-B', branch);
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(work, path)), { recursive: true });
      await writeFile(join(work, path), content);
    }
    await git(work, 'add', '--all');
    await git(work, 'commit', '--quiet', '--message', 'Change files');
    await git(work, 'push', '--quiet', 'origin', branch);
    const sha = (await git(work, 'rev-parse', 'HEAD')).stdout.trim();
    if (branch === BRANCH) headSha = sha;
    return sha;
  };
  await commit(FIRST_FILES);
  await commit({ 'CHANGES.md': 'A second commit, so that depth means something.\n' });

  return {
    repositoryAt: (origin) => ({
      url: `${origin}/${PROJECT_PATH}.git`,
      projectPath: PROJECT_PATH,
      defaultBranch: BRANCH,
      get headSha() {
        return headSha;
      },
      commit,
    }),
    addPipeline: (id, sha) => {
      try {
        execFileSync('git', ['update-ref', `refs/pipelines/${id}`, sha], {
          cwd: bare,
          stdio: 'ignore',
        });
      } catch {
        // A commit that is not there: the runner is to find that out by itself.
      }
    },
    serve: (request) => serve(root, request),
    close: () => rm(root, { recursive: true, force: true }),
  };
}

async function serve(root: string, request: ServerRequest): Promise<ServerAnswer> {
  const [path = '', query = ''] = request.path.split('?', 2);
  const { headers } = request;
  const child = spawn('git', ['http-backend'], {
    env: {
      ...process.env,
      ...IDENTITY,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: headers['content-type'] ?? '',
      CONTENT_LENGTH: `${request.body.byteLength}`,
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: headers['git-protocol'] ?? '',
      REMOTE_USER: 'gitlab-ci-token',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => undefined).end(request.body);
  return readCgiAnswer(child.stdout);
}

/** The head of a CGI answer; what follows it is streamed on. */
async function readCgiAnswer(output: Readable): Promise<ServerAnswer> {
  let head = Buffer.alloc(0);
  for (;;) {
    const chunk = (output.read() ?? undefined) as Buffer | undefined;
    if (chunk === undefined) {
      if (output.readableEnded) return { status: 500 };
      await new Promise((resolve) => output.once('readable', resolve).once('end', resolve));
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) continue;
    output.unshift(head.subarray(end + 4));
    const headers = Object.fromEntries(
      head
        .subarray(0, end)
        .toString()
        .split('\r\n')
        .map((line) => line.split(': ', 2) as [string, string]),
    );
    const { Status: status = '200', ...rest } = headers;
    return { status: Number.parseInt(status, 10), headers: rest, body: output };
  }
}
