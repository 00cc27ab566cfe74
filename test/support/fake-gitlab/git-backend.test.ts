import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { GIT_ENVIRONMENT } from './repository.ts';
import { openGitLab, openRunningJob, outputOf } from './test-client.ts';
import type { FakeGitLab, FakeJob } from './types.ts';

const run = promisify(execFile);

interface GitInfo {
  readonly repo_url: string;
  readonly refspecs: readonly string[];
  readonly sha: string;
  readonly depth: number;
}

async function openDirectory(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'fake-gitlab-test-'));
  context.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  const env = { ...GIT_ENVIRONMENT, GIT_TERMINAL_PROMPT: '0' };
  return (await run('git', args, { cwd, env })).stdout.trim();
}

function withCredentials(gitlab: FakeGitLab, user: string, password: string): string {
  const url = new URL(gitlab.repository.url);
  return `${url.protocol}//${user}:${password}@${url.host}${url.pathname}`;
}

function urlFor(gitlab: FakeGitLab, job: FakeJob): string {
  return withCredentials(gitlab, 'gitlab-ci-token', job.token);
}

it('can be cloned with the token of a running job', async (t) => {
  const { gitlab, job } = await openRunningJob(t);
  const directory = await openDirectory(t);
  await git(directory, 'clone', '--quiet', urlFor(gitlab, job), 'clone');
  assert.equal(await git(join(directory, 'clone'), 'rev-parse', 'HEAD'), gitlab.repository.headSha);
  assert.match((await run('sh', ['build.sh'], { cwd: join(directory, 'clone') })).stdout, /^built/);
  assert.deepEqual(gitlab.violations, []);
});

it('can be fetched with the payload’s refspecs and depth, as a runner does', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  gitlab.addJob({ variables: [{ key: 'GIT_DEPTH', value: '1' }] });
  const payload = (await (await client.requestJob()).json()) as { git_info: GitInfo };
  const { repo_url: url, refspecs, sha, depth } = payload.git_info;
  assert.equal(depth, 1);
  const directory = await openDirectory(t);
  await git(directory, 'init', '--quiet');
  await git(directory, 'fetch', '--quiet', '--depth', '1', url, ...refspecs);
  await git(directory, 'checkout', '--quiet', sha);
  assert.equal(await git(directory, 'rev-list', '--count', 'HEAD'), '1');
  assert.match(await readFile(join(directory, 'README.md'), 'utf8'), /A project/);
  assert.match(await git(directory, 'for-each-ref'), /refs\/pipelines\/\d+/);
});

it('has the whole history without depth', async (t) => {
  const { client, gitlab } = await openGitLab(t);
  gitlab.addJob({ variables: [{ key: 'GIT_DEPTH', value: '0' }] });
  const payload = (await (await client.requestJob()).json()) as { git_info: GitInfo };
  const directory = await openDirectory(t);
  await git(directory, 'init', '--quiet');
  await git(directory, 'fetch', '--quiet', payload.git_info.repo_url, ...payload.git_info.refspecs);
  assert.equal(await git(directory, 'rev-list', '--count', 'refs/remotes/origin/main'), '2');
});

it('accepts new commits on the default branch and others', async (t) => {
  const { gitlab, job } = await openRunningJob(t);
  const { repository } = gitlab;
  const before = repository.headSha;
  const [first, second] = await Promise.all([
    repository.commit({ 'dir/new.txt': 'ünicode\n' }),
    repository.commit({ 'other.txt': 'two' }),
  ]);
  assert.equal(repository.headSha, second);
  const branch = await repository.commit({ 'only.txt': 'here' }, 'feature/x');
  const directory = await openDirectory(t);
  await git(directory, 'clone', '--quiet', urlFor(gitlab, job), 'clone');
  const clone = join(directory, 'clone');
  assert.equal(await readFile(join(clone, 'dir/new.txt'), 'utf8'), 'ünicode\n');
  const parents = await git(clone, 'rev-list', 'HEAD', '--max-count=3');
  assert.deepEqual(parents.split('\n'), [second, first, before]);
  assert.equal(await git(clone, 'rev-parse', 'origin/feature/x'), branch);
});

it('accepts a compressed request', async (t) => {
  const { gitlab, job } = await openRunningJob(t);
  const credentials = Buffer.from(`gitlab-ci-token:${job.token}`).toString('base64');
  const response = await fetch(`${gitlab.repository.url}/git-upload-pack`, {
    method: 'POST',
    headers: {
      Authorization: `Basic ${credentials}`,
      'Content-Type': 'application/x-git-upload-pack-request',
      'Content-Encoding': 'gzip',
      'Git-Protocol': 'version=2',
    },
    body: gzipSync('0014command=ls-refs\n0000'),
  });
  assert.equal(response.status, 200);
  assert.match(await response.text(), /refs\/heads\/main/);
});

it('is refused without a token, with a wrong one, and after the job', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  const directory = await openDirectory(t);
  const list = (url: string): Promise<string> => git(directory, 'ls-remote', url);
  await assert.rejects(list(gitlab.repository.url), /could not read Username/);
  assert.deepEqual(gitlab.violations, [], 'git asks first');
  await assert.rejects(list(withCredentials(gitlab, 'gitlab-ci-token', 'wrong')), /Authentication/);
  await assert.rejects(list(withCredentials(gitlab, 'root', job.token)), /Authentication/);
  assert.match(gitlab.violations.join('\n'), /credentials that are not of a job/);
  assert.match(await list(urlFor(gitlab, job)), /refs\/heads\/main/);
  await client.update(job, { state: 'success', ...outputOf('') });
  await assert.rejects(list(urlFor(gitlab, job)), /Authentication failed/);
});

it('cannot be pushed to', async (t) => {
  const { gitlab, job } = await openRunningJob(t);
  const directory = await openDirectory(t);
  await git(directory, 'clone', '--quiet', urlFor(gitlab, job), 'clone');
  await assert.rejects(git(join(directory, 'clone'), 'push', '--quiet', 'origin', 'HEAD:new'));
});

it('leaves no files behind', async (t) => {
  const before = process.env['TMPDIR'];
  const directory = await openDirectory(t);
  process.env['TMPDIR'] = join(directory);
  try {
    const { gitlab } = await openGitLab(t);
    await gitlab.close();
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
  await access(directory);
  assert.equal((await run('ls', ['-A', directory])).stdout, '');
});
