import { randomInt } from 'node:crypto';
import { createArtifactCalls } from './artifact-calls.ts';
import { createDownloadCall } from './download-call.ts';
import { createEarlierJobs, type EarlierJobs } from './earlier-jobs.ts';
import { refusal } from './exchange.ts';
import { createGitBackend } from './git-backend.ts';
import { startHttpServer } from './http-server.ts';
import { createInterceptions } from './interceptions.ts';
import { createJob, type ServerJob } from './job.ts';
import { createJobRequest } from './job-request.ts';
import { startObjectStorage, type ObjectStorage } from './object-storage.ts';
import { payloadOf } from './payload.ts';
import { createRepositoryStore, PROJECT_PATH, type RepositoryStore } from './repository.ts';
import { createRouter, type Handlers } from './router.ts';
import { createRunnerCalls } from './runner-calls.ts';
import { createRunners, type Runner, type Runners } from './runners.ts';
import { createTraceCall } from './trace-call.ts';
import type { FakeGitLab, FakeGitLabOptions, FakeRepository } from './types.ts';
import { createUpdateCall } from './update-call.ts';
import { createViolations, type Violations } from './violations.ts';

export type * from './types.ts';

/** Starts a GitLab that has one project, but no runner and no job. */
export async function createFakeGitLab(
  partial: Partial<FakeGitLabOptions> = {},
): Promise<FakeGitLab> {
  const options = { ...defaults(), ...partial };
  const store = await createRepositoryStore();
  const state: State = {
    ...{ options, store, jobs: [], runners: createRunners(), violations: createViolations() },
    registrationTokens: new Set(),
    projectId: randomInt(1_000, 100_000),
    repository: store.repositoryAt(''),
    earlier: createEarlierJobs(options.firstJobId + EARLIER_IDS),
    storage: undefined,
  };
  const interceptions = createInterceptions();
  interceptions.add(({ kind, jobId }) =>
    kind === 'download' ? state.earlier.nextAnswer(jobId) : undefined,
  );
  const server = await startHttpServer({
    listen: options,
    router: createRouter(createHandlers(state), PROJECT_PATH),
    interceptions,
    onFault: (request, error) =>
      state.violations.add(request, `a bug of the fake: ${String(error)}`),
  });
  const scheme = options.tls === undefined ? 'http' : 'https';
  const url = `${scheme}://${options.advertiseHost ?? options.host}:${server.port}`;
  state.repository = store.repositoryAt(url);
  return {
    ...{ url, repository: state.repository, jobs: state.jobs, requests: server.requests },
    violations: state.violations.list,
    addRunner: (runner) => void state.runners.add(runner),
    removeRunner: (token) => void state.runners.remove(token),
    addRegistrationToken: (token) => void state.registrationTokens.add(token),
    addJob: (spec = {}) => {
      const onOffer = (): void => state.runners.announceJob(spec.runnerToken);
      const job = createJob(options.firstJobId + state.jobs.length, { spec, onOffer });
      state.jobs.push(job);
      onOffer();
      return job;
    },
    intercept: interceptions.add,
    close: async () => {
      await server.close();
      await (await state.storage)?.close();
      await store.close();
    },
  };
}

/** The distance between the ids of earlier jobs and those of the jobs that are handed out. */
const EARLIER_IDS = 1_000_000_000;

type Options = Omit<FakeGitLabOptions, 'advertiseHost'> & { readonly advertiseHost?: string };

function defaults(): Options {
  return {
    ...{ host: '127.0.0.1', port: 0, longPollMs: 50_000, traceUpdateIntervalSeconds: 3 },
    acknowledgeMs: 120_000,
    firstJobId: randomInt(10_000, 1_000_000) * 100 + 1,
    tls: undefined,
  };
}

interface State {
  readonly options: Options;
  readonly store: RepositoryStore;
  readonly jobs: ServerJob[];
  readonly runners: Runners;
  readonly violations: Violations;
  readonly registrationTokens: Set<string>;
  readonly projectId: number;
  readonly earlier: EarlierJobs;
  storage: Promise<ObjectStorage> | undefined;
  /** The repository. Its address is unknown until the server listens. */
  repository: FakeRepository;
}

function createHandlers(state: State): Handlers {
  const { options, store, jobs, violations } = state;
  const jobCalls = { ...options, jobs, violations };
  return {
    ...createRunnerCalls(state),
    ...createArtifactCalls(jobCalls),
    downloadArtifacts: createDownloadCall({
      ...{ ...jobCalls, earlier: state.earlier },
      storage: () => (state.storage ??= openStorage(state)),
    }),
    jobRequest: createJobRequest({
      ...{ ...state, ...options },
      payloadFor: (job, runner) => preparePayload(job, runner, state),
    }),
    update: createUpdateCall(jobCalls),
    trace: createTraceCall(jobCalls),
    git: createGitBackend({ root: store.root, jobs, violations }),
    unknown: (request) => {
      violations.add(request, 'there is no such call');
      return refusal(404, 'Not Found');
    },
  };
}

/**
 * Opens the storage. Its host name differs from GitLab's, which is 127.0.0.1 or the address for
 * containers, so that a runner sees two hosts.
 */
function openStorage({ options, violations }: State): Promise<ObjectStorage> {
  const advertiseHost = options.advertiseHost === undefined ? 'localhost' : '127.0.0.1';
  const onViolation = (what: string): void => violations.addFact(what);
  return startObjectStorage({ host: options.host, advertiseHost, onViolation });
}

function preparePayload(job: ServerJob, runner: Runner, state: State) {
  const { store, repository, projectId } = state;
  store.addPipeline(job.id, job.spec.sha ?? repository.headSha);
  return payloadOf(job, {
    ...{ repository, projectId, runnerId: runner.id, commitOf: store.commitOf },
    dependencies: state.earlier.add(job.spec.dependencies ?? []),
    now: new Date(),
  });
}
