import type { Handler } from './exchange.ts';
import type { InterceptedRequest } from './types.ts';

type Kind = InterceptedRequest['kind'];

export interface Route {
  readonly kind: Kind;
  readonly jobId: number | undefined;
  readonly handler: Handler;
}

/**
 * The handlers, by the call that they answer. The paths are below `/api/v4`, except those of git.
 */
export interface Handlers {
  readonly register: Handler;
  readonly verify: Handler;
  readonly unregister: Handler;
  readonly unregisterManager: Handler;
  readonly resetToken: Handler;
  readonly discovery: Handler;
  readonly jobRequest: Handler;
  readonly update: (jobId: number) => Handler;
  readonly trace: (jobId: number) => Handler;
  readonly uploadArtifacts: (jobId: number) => Handler;
  readonly downloadArtifacts: (jobId: number) => Handler;
  readonly git: Handler;
  readonly unknown: Handler;
}

export interface Router {
  route(method: string, pathname: string): Route;
}

const JOB_PATH = /^jobs\/(\d+)(?:\/(trace|artifacts))?$/;

export function createRouter(handlers: Handlers, projectPath: string): Router {
  const fixed: Readonly<Record<string, readonly [Kind, Handler]>> = {
    'POST runners': ['register', handlers.register],
    'POST runners/verify': ['verify', handlers.verify],
    'DELETE runners': ['other', handlers.unregister],
    'DELETE runners/managers': ['other', handlers.unregisterManager],
    'POST runners/reset_authentication_token': ['other', handlers.resetToken],
    'GET runners/router/discovery': ['other', handlers.discovery],
    'POST jobs/request': ['job_request', handlers.jobRequest],
  };
  return {
    route: (method, pathname) => {
      if (pathname.startsWith(`/${projectPath}.git/`)) {
        return { kind: 'git', jobId: undefined, handler: handlers.git };
      }
      const path = /^\/api\/v4\/(.*)$/.exec(pathname)?.[1] ?? '';
      const [kind, handler] = fixed[`${method} ${path}`] ?? [];
      if (kind !== undefined && handler !== undefined) return { kind, jobId: undefined, handler };
      return jobRoute(handlers, method, path);
    },
  };
}

function jobRoute(handlers: Handlers, method: string, path: string): Route {
  const match = JOB_PATH.exec(path);
  const jobId = match === null ? undefined : Number(match[1]);
  if (jobId === undefined) return { kind: 'other', jobId, handler: handlers.unknown };
  switch (`${method} ${match?.[2] ?? ''}`) {
    case 'PUT ':
      return { kind: 'update', jobId, handler: handlers.update(jobId) };
    case 'PATCH trace':
      return { kind: 'trace', jobId, handler: handlers.trace(jobId) };
    case 'POST artifacts':
      return { kind: 'upload', jobId, handler: handlers.uploadArtifacts(jobId) };
    case 'GET artifacts':
      return { kind: 'download', jobId, handler: handlers.downloadArtifacts(jobId) };
    default:
      return { kind: 'other', jobId, handler: handlers.unknown };
  }
}
