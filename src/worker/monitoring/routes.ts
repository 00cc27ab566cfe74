import { said, type HttpResponse } from '../../adapters/http-server/http-server.ts';
import type { Route } from '../../adapters/http-server/routes.ts';
import type { NodeMetrics } from '../../adapters/metrics/metrics.ts';
import { takeCpuProfile } from '../../adapters/metrics/profiler.ts';
import { jobUrl } from '../../domain/context/names.ts';
import type { Readiness } from '../../domain/metrics/readiness.ts';

const USUAL_PROFILE_SECONDS = 30;
const MAX_PROFILE_SECONDS = 120;

export interface RouteScope {
  readonly metrics: NodeMetrics;
  scrape(): Promise<string>;
  health(): Promise<Readiness>;
  processState(): string;
  nowMs(): number;
}

/** Creates the paths of the metrics server: those of gitlab-runner, and three of our own. */
export function createRoutes(scope: RouteScope): Readonly<Record<string, Route>> {
  return {
    '/metrics': async () => ok('metrics', await scope.scrape()),
    '/debug/jobs/list': () =>
      Promise.resolve({ ...ok('text', listJobs(scope)), headers: { 'X-List-Version': '2' } }),
    '/debug/process/state': () => Promise.resolve(ok('text', `${scope.processState()}\n`)),
    '/health/ready': async () => ((await scope.health()).isReady ? ok('text', 'ready\n') : UNREADY),
    '/healthz': () =>
      Promise.resolve(ok('json', json({ status: 'ok', state: scope.processState() }))),
    '/readyz': async () => {
      const readiness = await scope.health();
      return { ...ok('json', json(readiness)), status: readiness.isReady ? 200 : 503 };
    },
    '/debug/pprof/profile': createProfileRoute(),
  };
}

const UNREADY: HttpResponse = { status: 503, type: 'text', body: 'not ready: see /readyz\n' };

function ok(type: HttpResponse['type'], body: string): HttpResponse {
  return { status: 200, type, body };
}

function json(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/**
 * Lists the jobs, one on each line, in gitlab-runner's form. Source: `commands/builds_helper.go`
 * (ListJobsHandler).
 */
function listJobs({ metrics, nowMs }: RouteScope): string {
  return metrics.jobs
    .list()
    .map(({ context, state, stage, executorStage }) => {
      const seconds = Math.max(0, nowMs() - context.receivedAtMs) / 1000;
      const at = `state=${state} stage=${stage} executor_stage=${executorStage}`;
      return `url=${jobUrl(context.job)} ${at} duration=${seconds}s\n`;
    })
    .join('');
}

/**
 * Creates the path for profiles. It answers only to this machine, and makes one profile at a time,
 * because a profile slows the process down.
 */
function createProfileRoute(): Route {
  let isBusy = false;
  return async (query, { isLocal }) => {
    if (!isLocal) return said(403);
    const seconds = readSeconds(query.get('seconds'));
    if (seconds === undefined) return said(400);
    if (isBusy) return said(409);
    isBusy = true;
    try {
      return ok('profile', await takeCpuProfile(seconds));
    } finally {
      isBusy = false;
    }
  };
}

function readSeconds(text: string | null): number | undefined {
  if (text === null) return USUAL_PROFILE_SECONDS;
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return seconds >= 1 && seconds <= MAX_PROFILE_SECONDS ? seconds : undefined;
}
