import { randomBytes } from 'node:crypto';
import { parseJson, type ServerAnswer, type ServerRequest } from './http-server.ts';
import type { JobQueue } from './queue.ts';
import { payloadOf } from './payload.ts';
import type { GitServer } from './repository.ts';
import type { FakeRepository } from './types.ts';

export interface RunnerCallsOptions {
  readonly queue: JobQueue;
  /** Known runners by token. */
  readonly runners: Map<string, { readonly id: number }>;
  readonly registrationTokens: Set<string>;
  readonly longPollMs: number;
  readonly git: GitServer;
  readonly repository: () => FakeRepository;
  readonly violate: (what: string) => void;
}

interface RunnerBody {
  readonly token?: unknown;
  readonly system_id?: unknown;
  readonly last_update?: unknown;
  readonly info?: { readonly features?: Readonly<Record<string, unknown>> };
}

/** Calls by runner token. Source: gitlab `lib/api/ci/runner.rb`, spec/coordinator-api §2 and §4. */
export function createRunnerCalls(options: RunnerCallsOptions) {
  const { runners, registrationTokens } = options;
  const bodyOf = ({ body }: ServerRequest): RunnerBody =>
    (parseJson(body) as RunnerBody | undefined) ?? {};
  /** The parameter goes before the header, as in GitLab. */
  const tokenOf = (request: ServerRequest): string => {
    const { token } = bodyOf(request);
    return typeof token === 'string' ? token : (request.headers['runner-token'] ?? '');
  };
  const identity = (id: number, token: string) => ({ id, token, token_expires_at: null });
  const create = (): { id: number; token: string } => {
    const token = `glrt-${randomBytes(10).toString('hex')}`;
    const id = runners.size + 1;
    runners.set(token, { id });
    return { id, token };
  };

  return {
    register: (request: ServerRequest): ServerAnswer => {
      if (!registrationTokens.has(tokenOf(request))) return forbidden();
      const { id, token } = create();
      return json(201, identity(id, token));
    },
    verify: (request: ServerRequest): ServerAnswer => {
      const token = tokenOf(request);
      const runner = runners.get(token);
      if (bodyOf(request).info?.features === undefined) {
        options.violate(
          'verify without info.features: GitLab would take the runner for an old one',
        );
      }
      return runner === undefined ? forbidden() : json(200, identity(runner.id, token));
    },
    unregister: (request: ServerRequest): ServerAnswer =>
      runners.delete(tokenOf(request)) ? { status: 204 } : forbidden(),
    unregisterManager: (request: ServerRequest): ServerAnswer => {
      if (!runners.has(tokenOf(request))) return forbidden();
      return bodyOf(request).system_id === undefined
        ? json(400, { error: 'system_id is missing' })
        : { status: 204 };
    },
    resetToken: (request: ServerRequest): ServerAnswer => {
      const runner = runners.get(tokenOf(request));
      if (runner === undefined) return forbidden();
      runners.delete(tokenOf(request));
      const token = `glrt-${randomBytes(10).toString('hex')}`;
      runners.set(token, runner);
      return json(201, { token, token_expires_at: null });
    },
    requestJob: async (request: ServerRequest): Promise<ServerAnswer> => {
      const token = tokenOf(request);
      if (!runners.has(token)) return forbidden();
      const body = bodyOf(request);
      checkJobRequest(body, options);
      if (options.queue.next(token) === undefined && body.last_update === options.queue.version) {
        await options.queue.whenChanged(options.longPollMs, request.gone);
      }
      return handOut(token, body, { request, options });
    },
  };
}

function checkJobRequest({ system_id: systemId, info }: RunnerBody, options: RunnerCallsOptions) {
  if (typeof systemId !== 'string' || !/^[sr]_[A-Za-z0-9]{12}$/.test(systemId)) {
    options.violate('job request without a usable system_id');
  }
  if (info?.features === undefined) options.violate('job request without info.features');
}

function handOut(
  token: string,
  { info }: RunnerBody,
  { request, options }: { readonly request: ServerRequest; readonly options: RunnerCallsOptions },
): ServerAnswer {
  const headers = { 'X-GitLab-Last-Update': options.queue.version };
  // A client that has gone is handed nothing: Workhorse gives up its request too.
  const job = request.gone.aborted ? undefined : options.queue.next(token);
  if (job === undefined) return { status: 204, headers };
  job.handOut({ cancelsGracefully: info?.features?.['cancel_gracefully'] === true });
  const repository = options.repository();
  options.git.addPipeline(job.id, job.spec.sha ?? repository.headSha);
  const answer = json(201, payloadOf(job, repository));
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

export function json(status: number, value: unknown): ServerAnswer {
  return {
    status,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(value),
  };
}

export function forbidden(): ServerAnswer {
  return json(403, { message: '403 Forbidden' });
}
