import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { FakeRepository } from './types.ts';

export const PROJECT_PATH = 'group/project';
const BRANCH = 'main';
const AUTHOR = 'A Developer <developer@example.com>';

const FIRST_FILES: Readonly<Record<string, string>> = {
  'README.md': '# A project\n\nBuilt by a runner whose every job is a durable workflow.\n',
  Makefile: 'all:\n\tsh build.sh\n',
  'build.sh':
    '#!/bin/sh\nset -e\nmkdir -p out\ntr a-z A-Z < README.md > out/README\necho "built $(wc -l < out/README) lines"\n',
  'src/main.txt': 'hello\n',
};

/**
 * The settings of Gitaly: a client may fetch any commit by its hash and make partial clones, and
 * jobs may not push. Commits are loose objects, so that the disk shows whether one exists.
 */
const CONFIG = `
[uploadpack]
	allowAnySHA1InWant = true
	allowFilter = true
[http]
	receivepack = false
[fastimport]
	unpackLimit = 1000000
`;

export interface CommitFacts {
  readonly title: string;
  readonly author: string;
  /** The time in ISO 8601. Empty for a commit that does not exist. */
  readonly timestamp: string;
}

/** A bare repository on disk, with a small project. */
export interface RepositoryStore {
  /** The value of `GIT_PROJECT_ROOT` for git's own server. */
  readonly root: string;
  repositoryAt(origin: string): FakeRepository;
  commitOf(sha: string): CommitFacts;
  /**
   * Creates `refs/pipelines/<id>`, as GitLab does for each pipeline. Does nothing when the commit
   * does not exist.
   */
  addPipeline(id: number, sha: string): void;
  close(): Promise<void>;
}

export async function createRepositoryStore(): Promise<RepositoryStore> {
  const root = await mkdtemp(join(tmpdir(), 'fake-gitlab-'));
  const bare = join(root, `${PROJECT_PATH}.git`);
  await mkdir(bare, { recursive: true });
  await git(bare, ['init', '--quiet', '--bare', '--template=', `--initial-branch=${BRANCH}`]);
  await appendFile(join(bare, 'config'), CONFIG);
  const commits = createCommits(bare);
  await commits.commit(FIRST_FILES);
  await commits.commit({ 'CHANGES.md': 'A second commit, so that depth means something.\n' });
  return {
    root,
    repositoryAt: (origin) => ({
      url: `${origin}/${PROJECT_PATH}.git`,
      projectPath: PROJECT_PATH,
      defaultBranch: BRANCH,
      get headSha() {
        return commits.headOf(BRANCH);
      },
      commit: commits.commit,
    }),
    commitOf: commits.find,
    addPipeline: (id, sha) => {
      if (!objectExists(bare, sha)) return;
      const path = join(bare, 'refs', 'pipelines', `${id}`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, `${sha}\n`);
    },
    close: () => rm(root, { recursive: true, force: true }),
  };
}

function objectExists(bare: string, sha: string): boolean {
  return (
    /^[0-9a-f]{40}$/.test(sha) && existsSync(join(bare, 'objects', sha.slice(0, 2), sha.slice(2)))
  );
}

function createCommits(bare: string) {
  const heads = new Map<string, string>();
  const facts = new Map<string, CommitFacts>();
  const headOf = (branch: string): string => heads.get(branch) ?? '';
  const commitNow = async (files: Readonly<Record<string, string>>, branch: string) => {
    const seconds = Math.floor(Date.now() / 1000);
    const from = headOf(branch) || headOf(BRANCH);
    const title = from === '' ? 'Start the project' : `Change ${Object.keys(files).join(', ')}`;
    const input = formatCommit({ branch, from, title, seconds, files });
    const sha = (await git(bare, ['fast-import', '--quiet'], input)).trim();
    heads.set(branch, sha);
    const timestamp = new Date(seconds * 1000).toISOString().replace('.000Z', '+00:00');
    facts.set(sha, { title, author: AUTHOR, timestamp });
    return sha;
  };
  let last: Promise<unknown> = Promise.resolve();
  return {
    headOf,
    find: (sha: string) => facts.get(sha) ?? { title: '', author: '', timestamp: '' },
    /** Commits one change after another, because each is based on the one before. */
    commit: (files: Readonly<Record<string, string>>, branch = BRANCH): Promise<string> => {
      const next = last.then(() => commitNow(files, branch));
      last = next.catch(() => undefined);
      return next;
    },
  };
}

interface NewCommit {
  readonly branch: string;
  /** The commit before. Empty for the first commit. */
  readonly from: string;
  readonly title: string;
  readonly seconds: number;
  readonly files: Readonly<Record<string, string>>;
}

/** Returns a commit in the language of `git fast-import`, which prints the commit's hash. */
function formatCommit({ branch, from, title, seconds, files }: NewCommit): string {
  const changes = Object.entries(files).map(
    ([path, content]) =>
      formatSubmodule(path) ??
      `M ${path.endsWith('.sh') ? '100755' : '100644'} inline ${path}\n${formatData(content)}`,
  );
  return [
    `commit refs/heads/${branch}\nmark :1\n`,
    `committer ${AUTHOR} ${seconds} +0000\n`,
    formatData(title),
    from === '' ? '' : `from ${from}\n`,
    ...changes,
    '\nget-mark :1\n',
  ].join('');
}

/**
 * Returns the entry of a submodule for a file with the name `submodule <path> <commit>`, and
 * undefined for other files.
 */
function formatSubmodule(name: string): string | undefined {
  const [word, path, commit] = name.split(' ');
  return word === 'submodule' ? `M 160000 ${commit} ${path}\n` : undefined;
}

function formatData(content: string): string {
  return `data ${Buffer.byteLength(content)}\n${content}\n`;
}

/** This environment keeps a person's own git settings away from tests. */
export const GIT_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
};

async function git(cwd: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn('git', args, { cwd, env: GIT_ENVIRONMENT });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  child.stdin.on('error', () => undefined).end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  const [stdout, stderr] = await output;
  if (code !== 0) throw new Error(`git ${args[0]} failed (${code}): ${stderr}`);
  return stdout;
}
