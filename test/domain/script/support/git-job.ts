import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before } from 'node:test';
import assert from 'node:assert/strict';
import type { BuildContext } from '../../../../src/domain/context/context.ts';
import type { RunnerConfig } from '../../../../src/domain/runner/config.ts';
import { startGitServer, type GitServer } from './git-server.ts';
import {
  openWorkplace,
  plain,
  variable,
  type Shell,
  type StageRun,
  type Workplace,
} from './stage-runs.ts';

export const TOKEN = 'glcbt-64_s3cr3t-job-token';

/** Names of git's own files. Each is the path of a submodule of `group/odd`. */
export const GIT_NAMES = [
  ...['config', 'hooks', 'config.worktree', 'commondir', 'index.lock', 'HEAD', 'lib/hooks'],
];

/** The parts of a job with sources that a test changes. */
export interface Wish {
  readonly path?: string;
  readonly git?: Readonly<Record<string, unknown>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly runner?: Partial<RunnerConfig>;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly context?: Partial<BuildContext>;
}

/** A server with repositories and a directory to fetch into, created again for each suite. */
export interface GitJobs {
  readonly place: Workplace;
  readonly server: GitServer;
  /** Commits of `group/app`, the oldest first. `group/outer` has a submodule, which has one too. */
  readonly hashes: readonly string[];
  readonly jobOf: (wish?: Wish) => BuildContext;
  readonly dirOf: (job: BuildContext) => string;
  readonly getSources: (job: BuildContext, attempt?: number) => Promise<StageRun>;
  /** Fetches the sources or fails the test. Returns the output without colours. */
  readonly succeed: (job: BuildContext, attempt?: number) => Promise<string>;
  /**
   * Makes the builds directory as the first run of this job leaves it. Later calls in the suite copy
   * it, because fetching submodules takes hundreds of processes.
   */
  readonly checkOut: (job: BuildContext) => Promise<void>;
  /** Whether a planted program has run. */
  readonly canaryPath: string;
  readonly hasCanary: () => boolean;
}

/**
 * Call it in a suite: it sets up before the suite and cleans up after each test and after the
 * suite.
 */
export function useGitJobs(shell: Shell): () => GitJobs {
  let jobs: GitJobs | undefined;
  const opened = (): GitJobs => {
    assert.ok(jobs !== undefined);
    return jobs;
  };
  before(async () => {
    jobs = await openGitJobs(shell);
  });
  after(async () => {
    await opened().server.close();
    opened().place.remove();
  });
  afterEach(() => {
    const { place, server, canaryPath } = opened();
    for (const left of [join(place.dir, 'builds'), join(place.home, '.gitconfig'), canaryPath]) {
      rmSync(left, { recursive: true, force: true });
    }
    server.requests.length = 0;
  });
  return opened;
}

async function openGitJobs(shell: Shell): Promise<GitJobs> {
  const place = openWorkplace();
  const server = await startGitServer(join(place.dir, 'repositories'), TOKEN);
  const { hashes, others } = fillServer(server);
  const canaryPath = join(place.dir, 'canary');

  const jobOf: GitJobs['jobOf'] = ({ path = 'group/app', ...wish } = {}) =>
    place.context({
      runner: { url: server.url, ...wish.runner },
      ...(wish.context === undefined ? {} : { context: wish.context }),
      job: {
        token: TOKEN,
        git_info: {
          repo_url: `http://gitlab-ci-token:${TOKEN}@${server.host}/${path}.git`,
          ref: 'main',
          sha: others[path] ?? hashes.at(-1),
          refspecs: ['+refs/heads/*:refs/remotes/origin/*'],
          depth: 0,
          ...wish.git,
        },
        variables: [
          variable('CI_JOB_TOKEN', TOKEN),
          ...Object.entries(wish.variables ?? {}).map(([key, value]) => variable(key, value)),
        ],
        ...wish.more,
      },
    });
  const getSources: GitJobs['getSources'] = (job, attempt = 1) =>
    place.run(shell, 'get_sources', job, { attempt });
  const succeed: GitJobs['succeed'] = async (job, attempt) => {
    const run = await getSources(job, attempt);
    assert.equal(run.exitCode, 0, run.output + run.containerLog);
    return plain(run.output);
  };
  const copies = new Map<string, string>();
  const builds = join(place.dir, 'builds');
  const checkOut: GitJobs['checkOut'] = async (job) => {
    const key = JSON.stringify(job);
    const copy = copies.get(key) ?? join(place.dir, `builds-${copies.size}`);
    if (copies.has(key)) return copyTree(copy, builds);
    await succeed(job);
    copyTree(builds, copy);
    copies.set(key, copy);
  };
  return {
    ...{ place, server, hashes, jobOf, getSources, succeed, checkOut, canaryPath },
    dirOf: (job) => place.variablesOf(job).projectDir,
    hasCanary: () => existsSync(canaryPath),
  };
}

/** Copies a directory to a path where nothing is yet, with times and modes. */
function copyTree(from: string, to: string): void {
  execFileSync('cp', ['-aT', '--', from, to]);
}

function fillServer(server: GitServer) {
  const commits = [{ a: '1\n' }, { a: '2\n' }, { a: '3\n', 'd/b': 'b\n' }];
  const hashes = server.addRepository('group/app', commits);
  const [inner = ''] = server.addRepository('group/inner', [{ inner: 'i\n' }]);
  const [sub = ''] = server.addRepository('group/sub', [
    withSubmodule('inner', { hash: inner }, { sub: 's\n' }),
  ]);
  const [outer = ''] = server.addRepository('group/outer', [
    withSubmodule('sub', { hash: sub }, {}),
  ]);
  const named = GIT_NAMES.reduce(
    (files, name) => withSubmodule(name, { hash: inner, repository: 'inner' }, files),
    {},
  );
  const [odd = ''] = server.addRepository('group/odd', [named]);
  const others: Readonly<Record<string, string>> = { 'group/outer': outer, 'group/odd': odd };
  return { hashes, others };
}

/** Adds a submodule to the files of a commit. Its repository is beside that of the commit. */
export function withSubmodule(
  name: string,
  { hash, repository = name }: { readonly hash: string; readonly repository?: string },
  files: Readonly<Record<string, string>>,
) {
  return {
    ...files,
    '.gitmodules': `${files['.gitmodules'] ?? ''}[submodule "${name}"]\n\tpath = ${name}\n\turl = ../${repository}.git\n`,
    [`submodule ${name} ${hash}`]: '',
  };
}

/** Files below a directory that hold a text. */
export function filesWith(dir: string, text: string): readonly string[] {
  try {
    return execFileSync('grep', ['-rlF', '--', text, dir], { encoding: 'utf8' }).trim().split('\n');
  } catch (error) {
    if ((error as { status?: number }).status === 1) return [];
    throw error;
  }
}
