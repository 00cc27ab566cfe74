import { startHttpServer, type ServerAnswer, type ServerRequest } from './http-server.ts';
import { FINAL_STATES } from './job.ts';
import { createJobCalls } from './job-calls.ts';
import { createJobQueue, type JobQueue } from './queue.ts';
import { createGitServer, PROJECT_PATH, type GitServer } from './repository.ts';
import { createRunnerCalls, json } from './runner-calls.ts';
import type {
  FakeAnswer,
  FakeGitLab,
  FakeGitLabOptions,
  FakeRepository,
  InterceptedRequest,
  Interception,
  Interceptor,
} from './types.ts';

export type * from './types.ts';

const DEFAULTS: FakeGitLabOptions = {
  host: '127.0.0.1',
  port: 0,
  advertiseHost: '',
  longPollMs: 50_000,
  traceUpdateIntervalSeconds: 3,
  tls: undefined,
};

/** Starts a GitLab that has one project, no runner and no job. */
export async function createFakeGitLab(
  partial: Partial<FakeGitLabOptions> = {},
): Promise<FakeGitLab> {
  const options = { ...DEFAULTS, ...partial };
  const queue = createJobQueue();
  const git = await createGitServer();
  const violations: string[] = [];
  const violate = (what: string): void => void violations.push(what);
  const runners = new Map<string, { readonly id: number }>();
  const registrationTokens = new Set<string>();
  const interceptors = createInterceptors();
  let repository: FakeRepository | undefined;
  const ownRepository = (): FakeRepository => {
    if (repository === undefined) throw new Error('the fake GitLab does not listen yet');
    return repository;
  };
  const handle = createHandler({
    ...{ queue, git, violate },
    runnerCalls: createRunnerCalls({
      ...{ queue, runners, registrationTokens, git, violate, repository: ownRepository },
      longPollMs: options.longPollMs,
    }),
    jobCalls: createJobCalls({ ...options, queue, violate }),
  });

  const server = await startHttpServer({ ...options, interceptor: interceptors.ask, handle });
  const scheme = options.tls === undefined ? 'http' : 'https';
  const url = `${scheme}://${options.advertiseHost || options.host}:${server.port}`;
  repository = git.repositoryAt(url);
  return {
    ...{ url, repository, violations, requests: server.requests, jobs: queue.jobs },
    addRunner: ({ token, id = runners.size + 1 }) => void runners.set(token, { id }),
    removeRunner: (token) => void runners.delete(token),
    addRegistrationToken: (token) => void registrationTokens.add(token),
    addJob: (spec = {}) => queue.add(spec),
    intercept: interceptors.add,
    close: async () => {
      await server.close();
      await git.close();
    },
  };
}

interface HandlerOptions {
  readonly queue: JobQueue;
  readonly git: GitServer;
  readonly violate: (what: string) => void;
  readonly runnerCalls: ReturnType<typeof createRunnerCalls>;
  readonly jobCalls: ReturnType<typeof createJobCalls>;
}

type Handler = (request: ServerRequest) => ServerAnswer | Promise<ServerAnswer>;

function createHandler(options: HandlerOptions): (request: ServerRequest) => Promise<ServerAnswer> {
  const { runnerCalls, jobCalls } = options;
  const routes: Readonly<Record<string, Handler>> = {
    'POST /api/v4/runners': runnerCalls.register,
    'POST /api/v4/runners/verify': runnerCalls.verify,
    'DELETE /api/v4/runners': runnerCalls.unregister,
    'DELETE /api/v4/runners/managers': runnerCalls.unregisterManager,
    'POST /api/v4/runners/reset_authentication_token': runnerCalls.resetToken,
    'POST /api/v4/jobs/request': runnerCalls.requestJob,
  };
  return async (request) => {
    const { method } = request;
    const path = request.path.split('?', 1)[0] ?? '';
    if (path.startsWith(`/${PROJECT_PATH}.git/`)) return serveGit(request, options);
    checkHeaders(request, options.violate);
    const route = routes[`${method} ${path}`];
    if (route !== undefined) return route(request);
    const [, id = '', trace] = /^\/api\/v4\/jobs\/(\d+)(\/trace)?$/.exec(path) ?? [];
    if (method === 'PUT' && id !== '' && trace === undefined) {
      return jobCalls.update(request, Number(id));
    }
    if (method === 'PATCH' && trace !== undefined) return jobCalls.patchTrace(request, Number(id));
    options.violate(`there is no ${method} ${path}`);
    return json(404, { error: '404 Not Found' });
  };
}

/** What GitLab does not refuse and administrators miss. */
function checkHeaders({ method, path, headers }: ServerRequest, violate: (what: string) => void) {
  if (!/^\S+ \S+ \(.+\)$/.test(headers['user-agent'] ?? '')) {
    violate(`${method} ${path} with the User-Agent ${JSON.stringify(headers['user-agent'])}`);
  }
  if (!/^[0-9a-f]{32}$/.test(headers['x-request-id'] ?? '')) {
    violate(`${method} ${path} without an X-Request-Id`);
  }
}

/** Who may read the repository: the token of a job that runs, as GitLab has it. */
function serveGit(
  request: ServerRequest,
  { queue, git }: HandlerOptions,
): ServerAnswer | Promise<ServerAnswer> {
  const [scheme, encoded = ''] = (request.headers['authorization'] ?? '').split(' ', 2);
  const [user, password] = Buffer.from(encoded, 'base64').toString().split(':', 2);
  const job = queue.jobs.find(({ token }) => token === password);
  const isOver = job === undefined || job.isErased || FINAL_STATES.includes(job.state);
  if (scheme?.toLowerCase() !== 'basic' || user !== 'gitlab-ci-token' || isOver) {
    return {
      status: 401,
      headers: { 'WWW-Authenticate': 'Basic realm="GitLab"', 'Content-Type': 'text/plain' },
      body: 'HTTP Basic: Access denied\n',
    };
  }
  return git.serve(request);
}

interface Interceptors {
  add(interceptor: Interceptor): Interception;
  ask(request: ServerRequest): FakeAnswer | undefined;
}

function createInterceptors(): Interceptors {
  const held = new Set<{ readonly interceptor: Interceptor; count: number }>();
  return {
    add: (interceptor) => {
      const entry = { interceptor, count: 0 };
      held.add(entry);
      return {
        get count() {
          return entry.count;
        },
        remove: () => void held.delete(entry),
      };
    },
    ask: (request) => {
      const described = describe(request);
      for (const entry of held) {
        const answer = entry.interceptor(described);
        if (answer === undefined) continue;
        entry.count += 1;
        return answer;
      }
      return undefined;
    },
  };
}

function describe({ method, path, body }: ServerRequest): InterceptedRequest {
  const jobId = /^\/api\/v4\/jobs\/(\d+)/.exec(path)?.[1];
  return {
    ...{ method, path, body, kind: kindOf(method, path) },
    jobId: jobId === undefined ? undefined : Number(jobId),
  };
}

function kindOf(method: string, path: string): InterceptedRequest['kind'] {
  if (path === '/api/v4/jobs/request') return 'job_request';
  if (/^\/api\/v4\/jobs\/\d+\/trace/.test(path)) return 'trace';
  if (/^\/api\/v4\/jobs\/\d+$/.test(path)) return 'update';
  if (path === '/api/v4/runners/verify') return 'verify';
  if (path === '/api/v4/runners' && method === 'POST') return 'register';
  return path.includes('.git/') ? 'git' : 'other';
}
